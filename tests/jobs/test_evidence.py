"""What is said of the storm at a home: reports are real, what is said of the home is modelled and says so."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay.jobs.evidence import nearest_reports, sentences
from stormplay.routing.metric import haversine_m
from stormplay.storms import read_reports

REPORTS = read_reports(date(2021, 4, 28))


@given(st.floats(32.5, 33.3), st.floats(-97.6, -96.9), st.integers(1, 30))
def test_the_nearest_are_the_nearest(latitude, longitude, n):
    near = nearest_reports(latitude, longitude, REPORTS, n)
    every = np.sort(haversine_m(REPORTS[["latitude", "longitude"]].to_numpy(), np.array([latitude, longitude])))
    assert near["distance_m"].to_numpy() == pytest.approx(every[:n])


def test_modelled_is_said_to_be_modelled_and_reported_to_be_reported():
    said = sentences({"latitude": 32.93, "longitude": -97.25, "hail_in": 1.62}, REPORTS, "America/Chicago")
    assert said[0].startswith("Modelled hail here: 1.62 in")
    assert "nobody has measured at this roof" in said[0]
    assert all(line.startswith("Reported: ") and "(NOAA" in line for line in said[1:4])
    assert not [line for line in said if "hit" in line]


def test_where_nothing_is_known_that_is_said():
    assert "No hail is modelled here" in sentences({"latitude": 1.0, "longitude": 1.0}, REPORTS, "UTC")[0]
    assert "place of this home is not known" in sentences({"hail_in": 1.0}, REPORTS, "UTC")[1]
    none = sentences({"latitude": 32.9, "longitude": -97.3, "hail_in": 1.0}, REPORTS.head(0), "UTC")
    assert none[1] == "There is no hail report with a place for this day."


def test_a_far_report_is_weak_evidence():
    assert "weak evidence" in sentences({"latitude": 34.0, "longitude": -97.25}, REPORTS, "UTC")[-1]
