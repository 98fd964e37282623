"""Copies of reports in another place, whole and with what vouches for them last."""

from __future__ import annotations

import fsspec
import pytest
from command import in_process
from small import AGED, RECORDED, SUBJECT, notebook

from stormplay import reports
from stormplay.errors import BadInput, HandOverFailed


@pytest.fixture(scope="module")
def made(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("copied")
    return reports.run(notebook(folder, "act", AGED, RECORDED), SUBJECT, folder / "out")


@pytest.mark.parametrize("url", ["{folder}/there/reports", "file://{folder}/there/reports", "memory://bucket/reports"])
def test_a_place_takes_all_files(made, tmp_path, url):
    url = url.format(folder=tmp_path)
    reports.Place(url).take(made)
    files, base = fsspec.core.url_to_fs(url)
    found = {name.rsplit("/", 1)[-1]: files.cat_file(name) for name in files.ls(base, detail=False)}
    assert found == {path.name: path.read_bytes() for path in (made.notebook, made.html, made.result)}


def test_the_result_comes_last(made, monkeypatch):
    written = []
    monkeypatch.setattr("stormplay.store.write", lambda _files, path, _data: written.append(path.rsplit("/", 1)[-1]))
    reports.Place("memory://bucket").take(made)
    assert written == [made.notebook.name, made.html.name, made.result.name]


def test_a_place_that_does_not_take_them_is_a_sentence(made, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(HandOverFailed, match="is published, and was not copied: "):
        reports.Place(str(tmp_path / "file" / "reports")).take(made)


def test_a_kind_of_place_that_is_not_there_is_said_before_anything_runs(demo, tmp_path):
    for address, said in (
        ("warp://drive", "warp://drive is no place for reports: "),
        ("sftp://ana:hunter2@host/x", r"The address sftp://\.\.\. holds a password"),
    ):
        with pytest.raises(BadInput, match=said) as refused:
            reports.Place(address)
        assert "hunter2" not in str(refused.value)
    done = in_process("report", "score", "--tenant", "trinity", "--storm", "2021-04-28", "--copy-to", "warp://drive",
                      "--out", tmp_path / "out", home=demo)  # fmt: skip
    assert done.returncode == 2 and not (tmp_path / "out").exists()
