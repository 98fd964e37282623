from datetime import UTC, date, datetime

import pandas as pd
import pytest

from stormplay import storms
from stormplay.errors import BadInput

MAIN_DAY = date(2021, 4, 28)


def test_each_day_has_the_reports_that_noaa_lists():
    counts = {day: len(storms.read_reports(day)) for day in (date(2016, 3, 17), date(2020, 4, 28), MAIN_DAY)}
    assert list(counts.values()) == [15, 28, 21]
    assert len(storms.read_reports()) == 64


def test_columns_types_and_order():
    reports = storms.read_reports()
    assert list(reports.columns) == [
        "event_id",
        "location",
        "reported_at",
        "hail_in",
        "latitude",
        "longitude",
        "source",
        "narrative",
    ]
    assert str(reports["reported_at"].dt.tz) == "UTC"
    assert reports["event_id"].is_unique
    assert reports["reported_at"].is_monotonic_increasing
    assert not reports.isna().any().any()


def test_local_standard_time_becomes_utc():
    # 28 April 2021, 19:06 to 19:40 CST-6: after midnight in UTC.
    reports = storms.read_reports(MAIN_DAY)
    assert reports["reported_at"].min() == pd.Timestamp("2021-04-29 01:06", tz="UTC")
    assert reports["reported_at"].max() == pd.Timestamp("2021-04-29 01:40", tz="UTC")
    # A three-digit time: 315 is 03:15.
    assert storms.read_reports(date(2016, 3, 17))["reported_at"].min() == pd.Timestamp("2016-03-17 09:15", tz="UTC")


def test_narrative_with_commas_is_one_field():
    first = storms.read_reports(date(2016, 3, 17)).iloc[0]
    assert first["narrative"].startswith("Several reports of ping pong, golf ball, and just over 2 inch")
    assert (first["hail_in"], first["source"]) == (2.25, "Public")


def test_largest_hail_of_the_main_storm():
    largest = storms.read_reports(MAIN_DAY).sort_values("hail_in").iloc[-1]
    assert (largest["hail_in"], largest["location"], largest["latitude"]) == (3.25, "KELLER", 32.968)


def test_a_day_without_reports_is_empty_with_the_same_columns():
    quiet = storms.read_reports(date(2021, 4, 29))
    assert quiet.empty
    assert list(quiet.columns) == list(storms.read_reports().columns)


@pytest.mark.parametrize("day", ["2021-04-28", datetime(2021, 4, 28), 20210428])
def test_what_is_no_day_is_refused(day):
    with pytest.raises(BadInput, match="is not a day"):
        storms.read_reports(day)


def test_spc_day_runs_from_noon_to_noon_utc():
    assert storms.spc_day(datetime(2021, 4, 28, 12, 0, tzinfo=UTC)) == date(2021, 4, 28)
    assert storms.spc_day(datetime(2021, 4, 28, 11, 59, tzinfo=UTC)) == date(2021, 4, 27)
    assert {storms.spc_day(at) for at in storms.read_reports(MAIN_DAY)["reported_at"]} == {MAIN_DAY}
    with pytest.raises(BadInput, match="no time zone"):
        storms.spc_day(datetime(2021, 4, 28, 12))


def test_zip_centroids():
    centroids = storms.read_zip_centroids()
    assert centroids["zip_code"].is_unique and (centroids["zip_code"].str.len() == 5).all()
    assert centroids.set_index("zip_code").loc["76248", "latitude"] == pytest.approx(32.929, abs=0.001)
