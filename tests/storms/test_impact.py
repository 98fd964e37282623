import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stormplay import storms
from stormplay.errors import BadInput

sizes = st.floats(0, 50, allow_nan=False)


@given(st.lists(sizes, min_size=1, max_size=50))
def test_index_is_bounded_and_never_falls_with_size(hail):
    index = storms.impact_index(np.sort(hail))
    assert ((index >= 0) & (index <= 100)).all()
    assert (np.diff(index) >= 0).all()


@pytest.mark.parametrize(("hail_in", "index"), [*storms.SII_ANCHORS, (0, 0), (0.4, 0), (1.25, 45), (6, 100)])
def test_anchors(hail_in, index):
    assert storms.impact_index(hail_in) == pytest.approx(index)


def test_shape_is_kept_and_unknown_stays_unknown():
    index = storms.impact_index([[0.0, 1.0], [np.nan, 3.0]])
    assert index.shape == (2, 2)
    assert np.isnan(index[1, 0]) and index[1, 1] == 100


@pytest.mark.parametrize(
    ("hail_in", "name"),
    [(0, 0), (0.74, 0), (0.75, 1), (0.99, 1), (1.0, 2), (1.5, 3), (1.99, 3), (2.0, 4), (9, 4)],
)
def test_band_edges_belong_to_the_larger_band(hail_in, name):
    assert storms.band(hail_in) == storms.BANDS[name]


def test_unknown_size_has_its_own_band():
    assert list(storms.band([np.nan, 1.2])) == ["not known", "1-1.5 in"]


@pytest.mark.parametrize("function", [storms.impact_index, storms.band])
@pytest.mark.parametrize("bad", [-0.1, np.inf, -np.inf, "large"])
def test_impossible_sizes_are_refused(function, bad):
    with pytest.raises(BadInput):
        function([1.0, bad] if bad != "large" else bad)
