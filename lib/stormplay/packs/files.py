"""One pack as CSV, GeoJSON, GPX, KML and iCalendar. Pure: text in, text out, the same for the same pack.

The id of a stop is the same in all of them: `stop_id` in CSV and GeoJSON, `name`'s companion `<desc>` in GPX,
`id` of a KML Placemark (with an s in front, since an XML id may not begin with a digit), UID in iCalendar.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from xml.etree import ElementTree as Xml  # only written here, nothing foreign is read
from zoneinfo import ZoneInfo

import gpxpy.gpx
import icalendar
import pandas as pd

from stormplay import exports
from stormplay.packs.content import Pack, Stop

KML = "http://www.opengis.net/kml/2.2"
CSV_COLUMNS = ("stop", "stop_id", "job_id", "route", "address", "latitude", "longitude", "do_not_knock", "status",
               "as_of", "new_status", "new_note", "seen_at")  # fmt: skip
START_HOUR = 9  # nobody is at a door before that


def to_csv(pack: Pack) -> str:
    """The stops as CSV, for a crew without a network: it fills in `new_status`, `new_note` and `seen_at` (when, such
    as 2021-05-03 14:10), and the file comes back by upload. `status` and `as_of` say what was known when it left."""
    as_of = pack.as_of.isoformat(timespec="seconds")
    rows = [
        (stop.number, stop.stop_id, stop.job_id, stop.route_name, stop.address, stop.latitude, stop.longitude,
         "yes" if stop.do_not_knock else "", stop.status, as_of, "", "", "")
        for stop in pack.stops
    ]  # fmt: skip
    return exports.to_csv(pd.DataFrame(rows, columns=list(CSV_COLUMNS)))


def to_geojson(pack: Pack) -> str:
    """The stops as points and the way between them as a line (RFC 7946: longitude, latitude, WGS 84)."""
    features = [
        {"type": "Feature", "id": stop.stop_id, "geometry": {"type": "Point", "coordinates": _lonlat(stop)},
         "properties": {"stop": stop.number, "stop_id": stop.stop_id, "address": stop.address, "status": stop.status,
                        "route": stop.route_name}}
        for stop in pack.placed
    ]  # fmt: skip
    line = [_lonlat(stop) for stop in pack.placed]
    if pack.depot:
        line = [[pack.depot[1], pack.depot[0]], *line]
    if len(line) > 1:
        features.append({"type": "Feature", "id": "way", "geometry": {"type": "LineString", "coordinates": line},
                         "properties": {"title": pack.title}})  # fmt: skip
    return json.dumps({"type": "FeatureCollection", "features": features}, ensure_ascii=False, indent=1)


def to_gpx(pack: Pack) -> str:
    """The stops as waypoints and as a route (GPX 1.1), for devices in cars and hands."""
    file = gpxpy.gpx.GPX()
    file.creator, file.name, file.time = "Stormplay", pack.title, pack.as_of
    way = gpxpy.gpx.GPXRoute(name=pack.title)
    for stop in pack.placed:
        file.waypoints.append(gpxpy.gpx.GPXWaypoint(stop.latitude, stop.longitude, name=stop.title,
                                                    description=stop.stop_id, symbol="Flag"))  # fmt: skip
        way.points.append(gpxpy.gpx.GPXRoutePoint(stop.latitude, stop.longitude, name=stop.title,
                                                  description=stop.stop_id))  # fmt: skip
    if way.points:
        file.routes.append(way)
    return str(file.to_xml(version="1.1"))


def to_kml(pack: Pack) -> str:
    """The stops as placemarks and the way as a line (OGC KML 2.2)."""
    Xml.register_namespace("", KML)
    root = Xml.Element(f"{{{KML}}}kml")
    document = Xml.SubElement(root, f"{{{KML}}}Document")
    _said(document, "name", pack.title)
    for stop in pack.placed:
        mark = Xml.SubElement(document, f"{{{KML}}}Placemark", id=f"s{stop.stop_id}")
        _said(mark, "name", stop.title)
        _said(mark, "description", f"{stop.status.replace('_', ' ')} ({stop.stop_id})")
        _said(Xml.SubElement(mark, f"{{{KML}}}Point"), "coordinates", f"{stop.longitude:.7f},{stop.latitude:.7f}")
    if len(pack.placed) > 1:
        mark = Xml.SubElement(document, f"{{{KML}}}Placemark", id="way")
        _said(mark, "name", "Way")
        line = Xml.SubElement(mark, f"{{{KML}}}LineString")
        _said(line, "coordinates", " ".join(f"{one.longitude:.7f},{one.latitude:.7f}" for one in pack.placed))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + Xml.tostring(root, encoding="unicode")


def to_ics(pack: Pack, minutes_per_stop: float = 10.0, time_zone: str = "America/Chicago") -> str:
    """The stops as a day's events, one after the other from nine on (RFC 5545).

    Args:
        pack: The stops.
        minutes_per_stop: From one stop to the next, driving included.
        time_zone: IANA name of the zone in which it is nine.
    """
    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Stormplay//Route pack//EN")
    calendar.add("version", "2.0")
    calendar.add("x-wr-calname", pack.title)
    begin = datetime(pack.day.year, pack.day.month, pack.day.day, START_HOUR, tzinfo=ZoneInfo(time_zone))
    for at, stop in enumerate(pack.placed):
        calendar.add_component(_event(pack, stop, begin.astimezone(ZoneInfo("UTC")), at, minutes_per_stop))
    return str(calendar.to_ical().decode("utf-8"))


def _event(pack: Pack, stop: Stop, begin: datetime, at: int, minutes: float) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", f"{stop.stop_id}@stormplay")
    event.add("dtstamp", pack.as_of.astimezone(ZoneInfo("UTC")))
    event.add("dtstart", begin + timedelta(minutes=minutes * at))
    event.add("dtend", begin + timedelta(minutes=minutes * (at + 1)))
    event.add("summary", stop.title)
    event.add("location", stop.address)
    event.add("geo", (stop.latitude, stop.longitude))
    return event


def _said(parent: Xml.Element, tag: str, text: str) -> None:
    Xml.SubElement(parent, f"{{{KML}}}{tag}").text = text


def _lonlat(stop: Stop) -> list[float | None]:
    return [stop.longitude, stop.latitude]


WRITERS: dict[str, Callable[[Pack], str]] = {
    "csv": to_csv, "geojson": to_geojson, "gpx": to_gpx, "kml": to_kml, "ics": to_ics,
}  # fmt: skip
