"""Machine code is read from where only its owner can have put it, and found again by whoever comes next."""

import os
import subprocess
import sys

import pytest

from stormplay.routing import readiness
from stormplay.routing.machine import shelf


@pytest.fixture
def places(monkeypatch, tmp_path):
    """A package and a home of its own, empty."""
    here, home = tmp_path / "package", tmp_path / "home"
    (here / "__pycache__").mkdir(parents=True)
    home.mkdir()
    for name in shelf._SOURCES:
        (here / name).write_bytes((shelf._HERE / name).read_bytes())
    monkeypatch.setattr(shelf, "_HERE", here)
    monkeypatch.setattr(shelf, "home", lambda: home)
    yield here / "__pycache__", home / ".cache" / "stormplay"
    shelf.folder.cache_clear()
    shelf.stamp.cache_clear()


@pytest.fixture(autouse=True)
def _anew():
    shelf.folder.cache_clear()
    shelf.stamp.cache_clear()
    yield
    shelf.folder.cache_clear()
    shelf.stamp.cache_clear()


def test_beside_the_source_where_that_can_be_written(places):
    beside, _ = places
    assert shelf.folder() == beside / f"machine-{shelf.stamp()}"
    assert shelf.is_trusted(shelf.folder()) and not readiness.is_compiled()


def test_in_a_private_folder_where_the_install_is_read_only(places):
    beside, private = places
    beside.rmdir()
    beside.write_text("no folder can be made here, not even by root")
    assert shelf.folder().parent == private
    assert shelf.folder().stat().st_mode & 0o077 == 0


def test_what_came_with_the_install_is_read_though_it_cannot_be_written(places, monkeypatch):
    beside, _ = places
    ready = shelf.folder()
    (ready / shelf.READY).touch()
    shelf.folder.cache_clear()
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert shelf.folder() == ready == beside / ready.name and readiness.is_compiled()


@pytest.mark.parametrize("mode", [0o775, 0o757, 0o777])
def test_where_others_can_write_nothing_is_read(places, mode):
    _, private = places
    open_to_all = shelf.folder()
    (open_to_all / shelf.READY).touch()
    open_to_all.chmod(mode)
    shelf.folder.cache_clear()
    assert shelf.folder().parent == private and not readiness.is_compiled()


def test_a_link_is_not_followed(places, tmp_path):
    beside, private = places
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / shelf.READY).touch()
    (beside / f"machine-{shelf.stamp()}").symlink_to(tmp_path / "theirs")
    assert shelf.folder().parent == private


def test_another_source_has_another_folder(places):
    beside, _ = places
    before = shelf.folder()
    with (beside.parent / "kernel.py").open("a") as source:
        source.write("# changed\n")
    shelf.folder.cache_clear()
    shelf.stamp.cache_clear()
    assert shelf.folder() != before


def test_compiled_once_it_is_not_compiled_again():
    """In the package's own place, where the tests have compiled it: the environment has no say in where that is."""
    code = (
        "from stormplay.routing import readiness, solve\n"
        "assert readiness.is_compiled() and readiness.compile_apart() is None\n"
        "readiness.try_out()\n"
        "from stormplay.routing.machine import kernel\n"
        "print(sum(kernel.anneal.stats.cache_misses.values()), sum(kernel.anneal.stats.cache_hits.values()))\n"
    )
    told = os.environ | {"NUMBA_CACHE_DIR": "/nowhere", "HOME": "/nowhere"}
    shown = subprocess.run([sys.executable, "-c", code], env=told, capture_output=True, text=True, check=True)
    assert shown.stdout.split() == ["0", "1"]
