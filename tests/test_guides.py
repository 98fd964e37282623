"""Guides and reference are true of the code: commands parse, anchors exist, the list of a phase's files is real."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import click
import pytest
from typer.main import get_command

from stormplay.cli import app

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("deploy/**/*.md"), ROOT / "lib/ARCHITECTURE.md"]
)
GUIDES = sorted(ROOT.glob("docs/guide-*.md"))

sys.path.insert(0, str(ROOT / "tools"))


def commands(page, *, mentions=True):
    """Each 'stormplay ...' of a page with its arguments: lines of a block that are whole, and code in the text.

    A shell's own words are left out: what follows a comment, a redirection, what a substitution comes to.
    """
    text = page.read_text()
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    if mentions:
        lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    found = [re.match(r"(?:\.venv/bin/)?stormplay ([a-z].*)", line.strip()) for line in lines]
    plain = [re.sub(r"\$\([^)]*\)", "0", match[1]) for match in found if match]
    return [re.split(r"  #| [<>|&] ?", one)[0] for one in plain]


def parse(words):
    """Parse as the command line does, and run nothing."""
    command, context = get_command(app), None
    while True:
        context = command.make_context(command.name, words, parent=context)
        if not hasattr(command, "get_command"):
            return
        words = [*context._protected_args, *context.args] if hasattr(context, "_protected_args") else context.args
        if not words:
            return
        _, command, words = command.resolve_command(context, words)


def refusal(one):
    """Why the command line would not take it; None where it would."""
    try:
        parse(shlex.split(one))
    except click.exceptions.Exit:
        return None
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_commands_of_a_page_parse(page):
    whole = commands(page, mentions=page in GUIDES)
    assert {one: str(error) for one in whole if (error := refusal(one))} == {}
    # In passing a command may be named without what it needs, but not by a wrong name and with no option it lacks.
    named = {one: error for one in commands(page) if (error := refusal(one))}
    wrong = {one: str(error) for one, error in named.items() if not is_only_cut_short(error)}
    assert wrong == {}


def is_only_cut_short(error):
    """Whether a command lacks something and has nothing that is wrong."""
    kinds = {"MissingParameter", "NoArgsIsHelpError", "BadOptionUsage"}
    return bool(kinds & {one.__name__ for one in type(error).__mro__})


@pytest.mark.parametrize(
    ("one", "is_taken", "is_cut"),
    [
        ("report score --tenant a --storm b --out c", True, False),
        ("slo status", False, True),
        ("up --metrics-port", False, True),
        ("slo stand --tenant a", False, False),
        ("backup --kept 14", False, False),
    ],
)
def test_a_wrong_command_would_be_seen(one, is_taken, is_cut):
    error = refusal(one)
    assert (error is None) is is_taken
    assert (error is not None and is_only_cut_short(error)) is is_cut


def anchors(page):
    heads = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_and_headings(page):
    for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", page.read_text()):
        there = page.parent / target if target else page
        assert there.exists(), target
        if anchor:
            assert anchor in anchors(there), f"{target}#{anchor}"


def test_three_guides_have_commands():
    assert [page.stem for page in GUIDES if not commands(page)] == ["guide-manager"]


def test_make_targets_in_the_docs_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for page in PAGES:
        said = set(re.findall(r"(?:`|^)make ([a-z][a-z-]*)", page.read_text(), re.MULTILINE))
        assert said <= targets, page.name


def test_the_list_of_a_phases_files_is_real():
    rows = re.findall(r"^\| `([^`(]+)` \|", (ROOT / "docs" / "adding-a-phase.md").read_text(), re.MULTILINE)
    assert len(rows) >= 10
    for row in rows:
        assert re.search("nurture|phase5", (ROOT / row).read_text(), re.IGNORECASE), row


def test_what_a_live_page_fills_in_is_what_its_base_asks_for():
    from stormplay.controls.by_storm import ByStorm
    from stormplay.controls.nurture_desk import Desk

    rows = re.findall(r"^\| `(_\w+)\(", (ROOT / "docs" / "adding-a-phase.md").read_text(), re.MULTILINE)
    assert set(rows) == {"_open", "_draw", "_look_again", "_take", "_choices"}
    assert issubclass(Desk, ByStorm) and all(name in vars(Desk) and name in vars(ByStorm) for name in rows)


def test_the_reference_is_up_to_date():
    import api

    assert api.PAGE.read_text() == api.page(), "Run '.venv/bin/python tools/api.py'."


# The names that others build upon. They are not renamed, and each is in the reference.
CONTRACT = """
RouteBuilder RouteBuilder.generate_routes RouteBuilder.get_routes RouteBuilder.assign_crew
RouteBuilder.export_route_csv JobTracker JobTracker.get_job JobTracker.update_job JobTracker.get_route_progress
calculate_storm_play_score get_score_breakdown IdentityGraph IdentityGraph.resolve_identity
IdentityGraph.get_identifiers BehavioralProfileService BehavioralProfileService.get_profile AttributionEngine
AttributionEngine.compare_methods stream_storm_updates routing.solve routing.Plan score.score_components
attribution.credits experiments.difference_interval experiments.relative_lift_interval experiments.srm_p_value
uplift.fit
"""


def test_the_reference_has_every_name_that_others_build_upon():
    heads = set(re.findall(r"^#+ (\S+)$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE))
    assert set(CONTRACT.split()) - heads == set()


def test_pictures_are_few_and_small():
    sizes = {path.name: path.stat().st_size for path in ROOT.glob("docs/*.png")}
    assert len(sizes) <= 16
    assert {name: size for name, size in sizes.items() if size > 250_000} == {}
