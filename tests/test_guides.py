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
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), ROOT / "lib" / "ARCHITECTURE.md"])
GUIDES = sorted(ROOT.glob("docs/guide-*.md"))

sys.path.insert(0, str(ROOT / "tools"))


def commands(page):
    """Each 'stormplay ...' of a page with its arguments: lines of a block that are whole, and code in the text."""
    text = page.read_text()
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    lines += re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    found = [re.match(r"(?:\.venv/bin/)?stormplay (.+)", line.strip()) for line in lines]
    return [match[1].split("  #")[0] for match in found if match]


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


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.stem)
def test_the_commands_of_a_guide_parse(page):
    for one in commands(page):
        try:
            parse(shlex.split(one))
        except click.exceptions.Exit:
            pass
        except Exception as error:
            pytest.fail(f"{page.name}: stormplay {one}: {error}")


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
    rows = re.findall(r"^\| `([^`]+)` \|", (ROOT / "docs" / "adding-a-phase.md").read_text(), re.MULTILINE)
    assert len(rows) >= 10
    for row in rows:
        assert re.search("nurture|phase5", (ROOT / row).read_text(), re.IGNORECASE), row


def test_the_reference_is_up_to_date():
    import api

    assert api.PAGE.read_text() == api.page(), "Run '.venv/bin/python tools/api.py'."
