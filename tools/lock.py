"""Write requirements.lock (versions and hashes, no addresses) and environment.yml (the same direct set)."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HEAD = """\
# The same set for conda users: the project's direct dependencies at the versions of requirements.lock.
# Written by `make lock`; a test compares the two. Then: pip install --no-deps -e .
name: stormplay
channels:
  - conda-forge
dependencies:
  - python>=3.11
  - pip
  - pip:
"""


def main() -> None:
    """Resolve anew and write both files."""
    subprocess.run(
        [Path(sys.executable).with_name("uv"), "pip", "compile", "--quiet", "--universal", "--python-version", "3.11",
         "--all-extras", "--upgrade", "--generate-hashes", "--no-emit-index-url", "--no-emit-find-links",
         "--no-header", "--no-annotate", "pyproject.toml", "--output-file", "requirements.lock"],
        cwd=ROOT, check=True,
    )  # fmt: skip
    (ROOT / "environment.yml").write_text(environment())


def environment() -> str:
    """The text of environment.yml for today's pyproject.toml and requirements.lock."""
    pinned = dict(re.findall(r"^([a-z0-9][a-z0-9._-]*)==([^\s\\;]+)", (ROOT / "requirements.lock").read_text(), re.M))
    return HEAD + "".join(f"      - {name}=={pinned[name]}\n" for name in sorted(direct()))


def direct() -> set[str]:
    """Names of the direct dependencies, with all extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    return {re.split(r"[<>=\[; ]", name)[0].lower() for group in groups for name in group}


if __name__ == "__main__":
    main()
