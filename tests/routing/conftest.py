"""The kernel is compiled and loaded before the first test, so that no test's time contains that."""

import pytest

from stormplay.routing import readiness


@pytest.fixture(scope="session", autouse=True)
def _kernel():
    assert readiness.wait(240)
