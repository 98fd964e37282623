"""One server for all tests that only look at it; visitors who leave when their test ends."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import books
from visitor import Visitor, serving


@pytest.fixture(scope="session")
def notebooks(tmp_path_factory):
    return books.write(tmp_path_factory.mktemp("books") / "notebooks")


@pytest.fixture(scope="session")
def site(database, notebooks, tmp_path_factory):
    # Many tests guess from one address, more than a person does.
    settings = {"Identity": {"free_per_address": 10_000}}
    with serving(tmp_path_factory.mktemp("site"), database, notebooks, settings=settings) as running:
        yield running


@pytest.fixture
def visitor(request):
    """Make visitors, signed in when a name is given; at the end they sign out, and their kernels end."""
    made = []

    def make(username: str | None = None, at=None) -> Visitor:
        each = Visitor(at or request.getfixturevalue("site"))
        made.append(each)
        if username:
            assert each.sign_in(username).status == 303, each.site.said()
        return each

    yield make
    for each in made:
        each.leave()
