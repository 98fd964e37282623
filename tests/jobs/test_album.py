"""Pictures of jobs: kept once, encrypted per company, never lost in silence."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import text
from test_picture import taken
from world import make_world

from stormplay import RouteBuilder, tenancy
from stormplay.errors import BadInput, UnknownJob
from stormplay.jobs import JobTracker
from stormplay.jobs.album import PictureLost


@pytest.fixture(scope="module")
def worlds(database):
    made = [make_world(treat=8), make_world(treat=7)]
    for world in made:
        RouteBuilder(world.tenant, world.storm).generate_routes(time_limit_s=0.5)
    return made


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("STORMPLAY_PICTURES", str(tmp_path / "pictures"))
    return tmp_path / "pictures"


@pytest.fixture
def job(worlds, store):
    tracker = JobTracker(worlds[0].tenant, worlds[0].storm)
    return tracker, tracker.find(limit=1)["job_id"].iloc[0]


def files(store: Path) -> list[Path]:
    return [path for path in store.rglob("*") if path.is_file()]


def test_a_picture_comes_back_as_it_was_kept(job, store):
    tracker, job_id = job
    photo_id = tracker.add_photo(job_id, taken(), file_name="../../front.jpg", shot="front")
    data, media_type = tracker.get_photo(photo_id)
    assert data.startswith(b"\xff\xd8")
    assert media_type == "image/jpeg"
    (row,) = [row for row in tracker.get_photos(job_id) if row["photo_id"] == photo_id]
    assert (row["file_name"], row["shot"], row["keeps_location"]) == ("front.jpg", "front", False)
    assert row["thumbnail"].startswith(b"\xff\xd8")
    (file,) = files(store)
    assert data not in file.read_bytes()
    assert b"\xff\xd8" not in file.read_bytes()[:64], "what is in the folder is encrypted"


def test_the_same_picture_again_is_one_picture(job, store):
    tracker, job_id = job
    first = tracker.add_photo(job_id, taken(size=(50, 50)), shot="other")
    before = tracker.find(limit=1)["row_version"].iloc[0]
    assert tracker.add_photo(job_id, taken(size=(50, 50)), shot="close_up") == first
    assert tracker.find(limit=1)["row_version"].iloc[0] == before
    assert [row["shot"] for row in tracker.get_photos(job_id) if row["photo_id"] == first] == ["close_up"]
    assert len(files(store)) == 1


def test_uploaded_pictures_stay_when_links_are_given(job):
    tracker, job_id = job
    photo_id = tracker.add_photo(job_id, taken(size=(51, 50)))
    updated = tracker.update_job(job_id, photos=["https://example.org/a.jpg"])
    assert {f"photo:{photo_id}", "https://example.org/a.jpg"} <= set(updated["photos"])


def test_the_checklist_gets_shorter(job):
    tracker, job_id = job
    before = tracker.get_missing_shots(job_id)
    tracker.add_photo(job_id, taken(size=(70, 50)), shot="soft_metal")
    assert tracker.get_missing_shots(job_id) == [shot for shot in before if "Vents" not in shot]


def test_another_company_reads_neither_the_row_nor_the_file(job, worlds, store):
    tracker, job_id = job
    photo_id = tracker.add_photo(job_id, taken(size=(80, 50)))
    other = JobTracker(worlds[1].tenant, worlds[1].storm)
    with pytest.raises(BadInput, match="no picture"):
        other.get_photo(photo_id)
    with pytest.raises(UnknownJob):
        other.add_photo(job_id, taken())
    keys = []
    for world in worlds:
        with tenancy.session(world.tenant) as connection:
            keys.append(bytes(connection.execute(text("SELECT sec.picture_key()")).scalar_one()))
    assert len(set(keys)) == 2
    assert {len(key) for key in keys} == {32}


def test_damage_and_loss_are_said(job, store):
    tracker, job_id = job
    photo_id = tracker.add_photo(job_id, taken(size=(90, 50)))
    (file,) = files(store)
    sealed = file.read_bytes()
    for broken in (sealed[:-1], sealed[:20] + b"x" + sealed[21:], b""):
        file.write_bytes(broken)
        with pytest.raises(PictureLost, match="gone or damaged"):
            tracker.get_photo(photo_id)
    file.unlink()
    with pytest.raises(PictureLost):
        tracker.get_photo(photo_id)
    assert next(row for row in tracker.get_photos(job_id) if row["photo_id"] == photo_id)["thumbnail"]


def test_a_store_that_cannot_be_written_leaves_no_row(job, monkeypatch, tmp_path):
    tracker, job_id = job
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("STORMPLAY_PICTURES", str(tmp_path / "file" / "below"))
    before = tracker.get_photos(job_id)
    with pytest.raises(PictureLost, match="could not be kept"):
        tracker.add_photo(job_id, taken(size=(95, 50)))
    assert tracker.get_photos(job_id) == before


def test_what_is_no_picture_or_no_shot_leaves_nothing(job, store):
    tracker, job_id = job
    for data, shot in ((b"no picture", "front"), (taken(size=(96, 50)), "selfie")):
        with pytest.raises(BadInput):
            tracker.add_photo(job_id, data, shot=shot)
    assert files(store) == []
