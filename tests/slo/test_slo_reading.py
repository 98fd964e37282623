from __future__ import annotations

from stormplay import slo


def test_x(database):
    s = slo.standing("lone-star")
    assert s.sentence
