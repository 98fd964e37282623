"""The files of a pack by readers that have nothing to do with what wrote them: GDAL and vobject."""

from __future__ import annotations

import itertools
import struct

import pytest
import vobject
from hypothesis import HealthCheck, given, settings
from pyogrio.raw import read
from test_packs import SOME, packs

from stormplay.packs import files


def points(path, layer=None, **options):
    """Field -> values, and the points (longitude, latitude), as GDAL reads them."""
    meta, _, shapes, fields = read(path, layer=layer, **options)
    where = [struct.unpack("<dd", shape[5:21]) for shape in shapes if shape[1:5] == b"\x01\x00\x00\x00"]
    return dict(zip(meta["fields"], fields, strict=True)), where


@pytest.mark.parametrize("ending", ["geojson", "gpx", "kml"])
@settings(deadline=None, max_examples=25, suppress_health_check=list(HealthCheck))
@given(made=packs())
def test_gdal_reads_every_stop_where_it_is(made, ending, tmp_path):
    path = tmp_path / f"pack.{ending}"
    path.write_text(files.WRITERS[ending](made), encoding="utf-8")
    if not made.placed:
        return
    _, found = points(path, **({"layer": "waypoints"} if ending == "gpx" else {}))
    assert found == [pytest.approx((stop.longitude, stop.latitude), abs=1e-6) for stop in made.placed]


def test_gdal_knows_the_stops_by_their_ids(tmp_path):
    wanted = [stop.stop_id for stop in SOME.placed]
    for ending, layer, field in (("geojson", None, "stop_id"), ("gpx", "waypoints", "desc"), ("kml", None, "id")):
        path = tmp_path / f"pack.{ending}"
        path.write_text(files.WRITERS[ending](SOME), encoding="utf-8")
        fields, _ = points(path, layer=layer)
        told = [str(one).removeprefix("s") for one in fields[field] if one not in (None, "way")]
        assert told == wanted, ending


@settings(deadline=None, max_examples=25)
@given(made=packs())
def test_vobject_reads_every_stop_as_an_event(made):
    text = files.to_ics(made)
    calendar = vobject.readOne(text)
    events = [part for part in calendar.components() if part.name == "VEVENT"]
    assert [event.uid.value.split("@")[0] for event in events] == [stop.stop_id for stop in made.placed]
    assert [event.summary.value for event in events] == [stop.title for stop in made.placed]
    assert all(event.dtstart.value < event.dtend.value for event in events)
    assert all(one.dtend.value == two.dtstart.value for one, two in itertools.pairwise(events))
