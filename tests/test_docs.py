"""The docs fail the build where they drift from the code."""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "lib" / "ARCHITECTURE.md").read_text()
PAGES = ["README.md", "lib/ARCHITECTURE.md", "CHANGELOG.md", *(f"docs/{path.name}" for path in ROOT.glob("docs/*.md"))]

sys.path.insert(0, str(ROOT / "tools"))


def modules():
    folder = ROOT / "lib" / "stormplay"
    packages = {path.parent.name for path in folder.glob("*/__init__.py")}
    return packages | {path.stem for path in folder.glob("*.py")} - {"__init__"}


def first_column(text, heading):
    table = text.split(heading)[1].split("\n\n")[0]
    return [row.split("|")[1] for row in table.splitlines() if row.startswith("| ")][1:]


def test_the_architecture_page_names_every_module():
    assert {name.strip(" `") for name in first_column(ARCHITECTURE, "## Modules")} == modules()


def test_the_layers_are_every_module():
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    layers = " | ".join(config[0]["layers"]).split(" | ")
    assert {layer.removeprefix("stormplay.") for layer in layers} == modules()


def test_every_dependency_has_its_reason():
    import lock

    named = "jupyterlab voila ipywidgets pandas sqlalchemy psycopg2-binary plotly folium ortools papermill kafka-python"
    table = ARCHITECTURE.split("## Dependencies")[1]
    missing = [name for name in lock.direct() - set(named.split()) if not re.search(rf"\b{re.escape(name)}\b", table)]
    assert missing == []


def test_the_environment_is_the_lock():
    import lock

    assert (ROOT / "environment.yml").read_text() == lock.environment()
    listed = yaml.safe_load(lock.environment())["dependencies"][-1]["pip"]
    assert {item.split("==")[0] for item in listed} == lock.direct()


def test_the_lock_has_hashes_and_no_address():
    text = (ROOT / "requirements.lock").read_text()
    assert "://" not in text
    entries = re.split(r"\n(?=[a-z0-9])", text.strip())
    assert all("--hash=sha256:" in entry for entry in entries)


def test_the_readme_names_every_notebook_and_parameter():
    from stormplay import parameters

    for notebook in (ROOT / "notebooks").glob("*.ipynb"):
        assert f"`{notebook.stem}`" in README
        for name in parameters.contract(notebook):
            assert f"`{name}`" in README, f"{notebook.stem}: {name}"


def test_the_readmes_commands_exist():
    from typer.main import get_command

    from stormplay.cli import app

    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"\bmake ([a-z]+)", README)) <= targets
    commands = get_command(app).commands
    for page in PAGES:
        said = set(re.findall(r"(?:bin/|`|^)stormplay ([a-z]+)", (ROOT / page).read_text(), re.MULTILINE))
        assert said <= set(commands), page
        for group, name in re.findall(r"stormplay (user|tenant|identity|billing) ([a-z-]+)", (ROOT / page).read_text()):
            assert name in commands[group].commands, f"{page}: {group} {name}"


@pytest.mark.parametrize("page", PAGES)
def test_links_and_pictures_lead_somewhere(page):
    path = ROOT / page
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text()):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_public_names_have_docstrings():
    import stormplay

    for name in stormplay.__all__:
        thing = getattr(stormplay, name)
        assert thing.__doc__ and len(thing.__doc__) > 40, name
    builder = stormplay.RouteBuilder
    for method in ("generate_routes", "get_routes", "assign_crew", "export_route_csv"):
        assert getattr(builder, method).__doc__, method
    assert "Raises" in stormplay.routing.solve.__doc__


def test_modules_stay_rooms():
    sizes = {path: len(path.read_text().splitlines()) for path in (ROOT / "lib").rglob("*.py")}
    assert {path.name: n for path, n in sizes.items() if n > 300} == {}


def test_no_address_of_a_machine_or_registry_is_committed():
    pattern = re.compile(r"(?<![\w.$}>])/(?:work|root|home/\w)|pypi\.org|files\.pythonhosted|registry\.npmjs")
    for folder in ("lib", "notebooks", "tools", "benchmarks", "docs", "deploy"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in {".py", ".md", ".ipynb", ".sql", ".html", ".css", ".toml", ".yml", ".conf", ".service"}:
                found = pattern.search(path.read_text())
                assert not found, f"{path}: {found[0]}"
