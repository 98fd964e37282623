"""A database of its own for each file: servers that other files have left running watch theirs, and deliver too."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def database(loaded_demo, tmp_path_factory):
    from copies import own_copy

    with own_copy(loaded_demo, tmp_path_factory.mktemp("slo") / ".stormplay") as home:
        yield home
