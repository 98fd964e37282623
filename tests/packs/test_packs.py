"""Packs: every file by an independent reader, the same stops in all, and nothing that runs."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import re
import xml.etree.ElementTree as Xml
import zipfile
from datetime import UTC, date, datetime
from urllib.parse import parse_qs, urlsplit

import icalendar
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.packs import Pack, Stop, bundle, files, links, page, stops_of, to_zip

GPX = "{http://www.topografix.com/GPX/1/1}"
KML = "{http://www.opengis.net/kml/2.2}"
words = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


def stop(n, **given_):
    values = {
        "stop_id": f"00000000-0000-7000-8000-{n:012d}", "job_id": f"j{n}", "number": n, "route_name": "Route 01",
        "address": f"{n} Oak Street, Keller, 76137", "latitude": 32.9 + n / 1000, "longitude": -97.3,
        "status": "scheduled", "do_not_knock": False, **given_,
    }  # fmt: skip
    return Stop(**values)


def pack(*stops, **given_):
    values = {"company": "Lone Star", "title": "Route 01", "crew": "Crew Ray", "day": date(2021, 5, 3),
              "as_of": datetime(2021, 5, 2, 21, 30, tzinfo=UTC), "stops": stops, "depot": (32.84, -97.29)}  # fmt: skip
    return Pack(**{**values, **given_})


@st.composite
def packs(draw):
    n = draw(st.integers(0, 25))
    places = st.none() | st.floats(-89, 89)
    stops = tuple(
        stop(k + 1, address=draw(words), route_name=draw(words), latitude=draw(places), status=draw(words),
             do_not_knock=draw(st.booleans()))
        for k in range(n)
    )  # fmt: skip
    return pack(
        *stops, title=draw(words), company=draw(words), crew=draw(words), depot=draw(st.none() | st.just((1.0, 2.0)))
    )


SOME = pack(*(stop(n) for n in range(1, 13)), stop(13, do_not_knock=True), stop(14, latitude=None, longitude=None))


@settings(deadline=None, max_examples=60)
@given(packs())
def test_every_file_is_read_by_others_and_has_the_same_stops(made):
    wanted = [one.stop_id for one in made.placed]
    rows = list(csv.DictReader(io.StringIO(files.to_csv(made), newline="")))
    assert [row["stop_id"] for row in rows] == [one.stop_id for one in made.stops]
    points = [one for one in json.loads(files.to_geojson(made))["features"] if one["geometry"]["type"] == "Point"]
    assert [one["id"] for one in points] == wanted
    gpx = Xml.fromstring(files.to_gpx(made))
    assert [one.text for one in gpx.iterfind(f"{GPX}wpt/{GPX}desc")] == wanted
    assert [one.text for one in gpx.iterfind(f"{GPX}rte/{GPX}rtept/{GPX}desc")] == wanted
    kml = Xml.fromstring(files.to_kml(made))
    assert [one.get("id")[1:] for one in kml.iter(f"{KML}Placemark") if one.get("id") != "way"] == wanted
    events = list(icalendar.Calendar.from_ical(files.to_ics(made)).walk("VEVENT"))
    assert [str(event["UID"]).split("@")[0] for event in events] == wanted
    assert re.findall(r'<tr id="s([^"]+)"', page.to_html(made)) == [one.stop_id for one in made.stops]


@settings(deadline=None, max_examples=60)
@given(packs())
def test_nothing_that_was_typed_runs(made):
    html = page.to_html(made)
    assert "<script" not in html.lower()
    assert not re.search(r"<[^>]+\son[a-z]+\s*=", html)
    for row in csv.reader(io.StringIO(files.to_csv(made), newline="")):
        numeric = re.compile(r"-?\d+(\.\d+)?(e-?\d+)?")
        assert not [cell for cell in row if cell.lstrip(" ")[:1] in set("=+@-") and not numeric.fullmatch(cell)]
    for line in files.to_ics(made).split("\r\n"):
        assert len(line.encode()) <= 75, "iCalendar folds at 75 octets"


def test_the_zip_is_what_its_manifest_says_and_the_same_each_time():
    data = to_zip(SOME)
    assert data == to_zip(SOME)
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert file.testzip() is None
        names = file.namelist()
        told = json.loads(file.read("manifest.json"))
        assert names[0] == "manifest.json"
        assert set(told["files"]) == set(names[1:])
        for name, about in told["files"].items():
            content = file.read(name)
            assert (len(content), hashlib.sha256(content).hexdigest()) == (about["bytes"], about["sha256"])
    endings = {name.rpartition(".")[2] for name in names}
    assert endings == {"json", "csv", "geojson", "gpx", "kml", "ics", "html", "txt", "pdf"}
    assert told["stops"] == [one.stop_id for one in SOME.stops]
    assert told["left_out_of_maps"] == [one.stop_id for one in SOME.stops[12:]]


def test_links_leave_no_leg_out_and_take_no_more_than_a_phone_takes():
    made = links.google(SOME)
    assert [(link.first, link.last) for link in made] == [(1, 4), (5, 8), (9, 12)]
    before = None
    for link in made:
        query = {name: value[0] for name, value in parse_qs(urlsplit(link.url).query).items()}
        assert len(query.get("waypoints", "").split("|")) <= links.WAYPOINTS_ON_PHONE
        assert query.get("origin") == before, "it goes on where the last one ended"
        before = query["destination"]
    assert len(links.google(SOME, links.WAYPOINTS_ON_DESK)) == 2
    assert links.google(pack()) == []
    assert [link.title for link in links.google(pack(stop(1)))] == ["Stop 1"]


def test_the_day_begins_at_nine_of_the_companys_clock():
    events = list(icalendar.Calendar.from_ical(files.to_ics(SOME)).walk("VEVENT"))
    assert events[0]["DTSTART"].dt == datetime(2021, 5, 3, 14, 0, tzinfo=UTC)
    assert events[1]["DTSTART"].dt == events[0]["DTEND"].dt


def test_who_said_no_is_on_paper_in_bold_and_on_no_map():
    html = page.to_html(SOME)
    assert html.count("DO NOT KNOCK") == 1
    assert SOME.stops[12].stop_id not in files.to_gpx(SOME)
    assert "place not known" in html


def test_synthetic_homes_are_said_to_be():
    assert "synthetic" in page.to_html(pack(stop(1), is_synthetic=True))
    assert "synthetic" not in page.to_html(pack(stop(1)))


def test_the_page_needs_no_network():
    html = page.to_html(SOME)
    fetched = re.findall(r'(?:src|href)="([^"]+)"', html)
    assert {urlsplit(url).netloc for url in fetched} == {"www.google.com"}, "links to follow, nothing to load"
    assert html.count("<svg") == 3


@pytest.mark.parametrize("bad", ["../../etc", "a/b", "CON", "ö" * 300, "", "\0"])
def test_a_files_name_is_safe(bad):
    for name in bundle.members(pack(stop(1), title=bad)):
        assert re.fullmatch(r"[a-z0-9-]{1,90}(-links)?\.[a-z]+", name)


def test_stops_come_from_a_frame():
    rows = pd.DataFrame([
        {"property_id": "p1", "job_id": None, "route_name": "R", "address": "1 A\nB", "city": None,
         "zip_code": "76137", "latitude": float("nan"), "longitude": -97.0, "status": None,
         "do_not_knock": False},
    ])  # fmt: skip
    (one,) = stops_of(rows)
    assert (one.address, one.latitude, one.status, one.job_id) == ("1 A B, 76137", None, "scheduled", "")
