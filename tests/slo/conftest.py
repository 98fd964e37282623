"""A database of its own for each file: servers that other files have left running watch theirs, and deliver too."""

from __future__ import annotations

import pytest

from stormplay import embedded


@pytest.fixture(scope="module")
def database(loaded_demo, tmp_path_factory):
    from copies import copy_server

    home = tmp_path_factory.mktemp("slo") / ".stormplay"
    copy_server(loaded_demo, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STORMPLAY_HOME", str(home))
        patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        yield home
        patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        embedded.stop()
