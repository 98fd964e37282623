"""Reports in a place that knows no rename: whoever begins with the result sees whole ones only."""

from __future__ import annotations

import hashlib
import json

import fsspec
import pytest
from command import in_process
from small import AGED, RECORDED, SUBJECT, notebook, runs

from stormplay import reports
from stormplay.errors import BadInput, ReportFailed
from stormplay.reports import destinations
from stormplay.reports.destinations import Bucket, Folder

NAME = "act-lone-star-2021-04-28"
ABOUT = {"notebook": "act"}
MEMORY = fsspec.filesystem("memory")


@pytest.fixture(params=["memory", "files"])
def place(request, tmp_path):
    """In memory, and on a disk through fsspec, as SFTP would be."""
    if request.param == "memory":
        yield destinations.at("memory://bucket/reports/")
        MEMORY.rm("/bucket", recursive=True)
    else:
        yield Bucket("file://reports", fsspec.filesystem("file"), str(tmp_path / "bucket" / "reports"))


@pytest.fixture
def put(place, tmp_path, monkeypatch):
    monkeypatch.setenv("STORMPLAY_SPOOL", str(tmp_path / "spool"))

    def publish(page, pdf=False, is_alone=True):
        with place.workshop(NAME) as folder:
            (folder / f"{NAME}.ipynb").write_text("{}")
            (folder / f"{NAME}.html").write_text(page)
            if pdf:
                (folder / f"{NAME}.pdf").write_bytes(b"%PDF-1")
            return place.publish(folder, NAME, ABOUT, is_alone=is_alone)[0]

    yield publish
    assert not (tmp_path / "spool").exists() or not list((tmp_path / "spool").rglob("*.html")), "no copy stays here"


def read(place):
    """What a reader sees who begins with the result: each file, whole."""
    told = json.loads(place.files.cat_file(place.inside(f"{NAME}.result.json")))
    found = {}
    for name, about in told["files"].items():
        found[name.partition(".")[2]] = data = place.files.cat_file(place.inside(about["path"]))
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (about["sha256"], about["bytes"])
    return {ending: data.decode() for ending, data in found.items()}


def versions(place):
    return {path.rpartition("/")[2] for path in place.files.ls(place.inside(NAME), detail=False)}


def test_a_report_is_there_when_its_result_is(place, put):
    made = put("one", pdf=True)
    assert read(place) == {"ipynb": "{}", "html": "one", "pdf": "%PDF-1"}
    assert made.html.read_bytes() == b"one" and made.html.name == f"{NAME}.html"
    assert str(made.result) == f"{place.url}/{NAME}.result.json"


def test_the_same_report_has_the_same_paths_and_the_one_before_stays_for_its_readers(place, put):
    first = put("one")
    assert put("one") == first and len(versions(place)) == 1
    second = put("two")
    assert first.html.read_bytes() == b"one" and second.html != first.html
    put("three")
    assert len(versions(place)) == 2 and read(place)["html"] == "three"


def test_who_is_not_alone_takes_nothing_away(place, put):
    for page in ("one", "two", "three"):
        put(page, is_alone=False)
    assert len(versions(place)) == 3


@pytest.mark.parametrize("breaking", range(4))
def test_wherever_it_breaks_the_last_good_report_stays_whole(place, put, breaking):
    put("one", pdf=True)
    done, take = [], type(place.files).pipe_file

    def lost(self, path, value, **more):
        if len(done) == breaking:
            raise PermissionError(13, "Access Denied")
        done.append(path)
        return take(self, path, value, **more)

    told = r"could not be written to .*reports: PermissionError.*left as it is"
    with pytest.MonkeyPatch.context() as patch, pytest.raises(ReportFailed, match=told):
        patch.setattr(type(place.files), "pipe_file", lost)
        put("two", pdf=True)
    assert read(place)["html"] == "one"
    assert len(versions(place)) == (2 if breaking else 1), "what was half put there"
    put("three")
    assert len(versions(place)) == 2 and read(place)["html"] == "three"


@pytest.mark.parametrize(
    ("address", "sentence"),
    [
        ("gdrive://x/reports", r"gdrive:// needs the package \w+, which is not installed here. Install it"),
        ("nope://x", "Protocol not known: nope. Expected a folder, or an address such as"),
        ("ftp://ana:hunter2@host/x", r"The address ftp://\.\.\. holds a password"),
    ],
)
def test_an_address_that_leads_nowhere_is_a_sentence(address, sentence):
    with pytest.raises(BadInput, match=sentence) as caught:
        destinations.at(address)
    assert "hunter2" not in str(caught.value)


def test_a_folder_by_its_address_is_a_folder(tmp_path):
    assert destinations.at(f"file://{tmp_path}/a%20b") == Folder(tmp_path / "a b")


def test_the_command_publishes_at_an_address_and_the_history_says_where(demo, tmp_path, monkeypatch):
    from stormplay.cli import headless

    notebook(tmp_path, "act", AGED, RECORDED)
    monkeypatch.setattr(headless, "notebooks_folder", lambda: tmp_path)
    more = ("--tenant", SUBJECT["tenant"], "--storm", SUBJECT["storm"], "--out", "memory://company/reports")
    done = in_process("report", "act", *more, home=demo)
    assert done.returncode == 0, done.stderr
    place = destinations.at("memory://company/reports")
    assert "<h1" in read(place)["html"]
    assert f"memory://company/reports/{NAME}/" in done.stdout
    last = runs("lone-star", 1).iloc[0]
    assert (last["destination"], last["status"]) == ("memory://company/reports", "fresh")
    assert last["files"][f"{NAME}.html"]["path"] in done.stdout

    notebook(tmp_path, "act", AGED, "1 / 0")
    done = in_process("report", "act", *more, home=demo)
    assert done.returncode == 1 and f"memory://company/reports/{NAME}.failed.ipynb" in done.stderr
    assert "<h1" in read(place)["html"]


def test_a_report_in_memory_is_the_report_of_a_folder(demo, tmp_path):
    path = notebook(tmp_path, "act", AGED, RECORDED)
    terms = reports.Terms(as_of=reports.moment("2021-05-03T06:00Z"))
    here = reports.run(path, SUBJECT, tmp_path / "out", terms=terms)
    there = reports.run(path, SUBJECT, "memory://same", terms=terms)
    assert (here.html.read_bytes(), here.notebook.read_bytes()) == (
        there.html.read_bytes(),
        there.notebook.read_bytes(),
    )
