"""Small worlds for tests: a tenant of its own with a storm, treated homes, controls and refusals."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

import numpy as np
import pandas as pd
import pytest
from sqlalchemy import text

from stormplay import accounts, tenancy

_number = itertools.count(1)


@dataclass
class World:
    tenant: str
    storm: str
    storm_id: str
    properties: pd.DataFrame


@contextmanager
def guests(tenant: str, role: str, *usernames: str) -> Iterator[None]:
    """Members for a while: a test that counts the companies of a person must not count ours."""
    for username in usernames:
        as_administrator(accounts.add_member, username, tenant, role)
    yield
    for username in usernames:
        as_administrator(accounts.remove_member, username, tenant)


def as_administrator(act: Callable[..., object], *args: str) -> None:
    """Also where this process asks as a person just now."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        act(*args)


def make_world(
    treat=120, hold_out=20, skip=10, suppressed=3, without_place=2, seed=0, depot=(32.84, -97.29), is_decided=True
) -> World:
    """A fresh tenant (local person is a member) whose storm has these numbers of homes, decided or not."""
    rng = np.random.default_rng(seed)
    slug = f"world-{next(_number)}-{uuid4().hex[:6]}"
    accounts.add_tenant(slug, f"World {slug}", is_synthetic=True, depot=depot)
    n = treat + hold_out + skip
    properties = pd.DataFrame({
        "property_id": [str(uuid4()) for _ in range(n)],
        "address": [f"{100 + i} Test Street" for i in range(n)],
        "city": "Keller",
        "zip_code": rng.choice(["76137", "76148", "76180"], n),
        "latitude": 32.86 + rng.random(n) * 0.08,
        "longitude": -97.30 + rng.random(n) * 0.1,
        "owner_name": "Test Owner",
        "is_synthetic": True,
    })  # fmt: skip
    properties.loc[: without_place - 1, ["latitude", "longitude"]] = np.nan
    decision = np.array(["treat"] * treat + ["hold_out"] * hold_out + ["skip"] * skip)
    reason = np.array(["uplift"] * treat + ["control group"] * hold_out + ["low uplift"] * skip)
    with tenancy.session(slug) as connection:
        connection.execute(text("INSERT INTO storms (slug, name, event_date) VALUES ('hail', 'Hail', '2021-04-28')"))
        storm_id = tenancy.storm_id(connection, "hail")
        ids = properties[["property_id"]]
        tenancy.insert(connection, "properties", properties)
        tenancy.insert(connection, "lead_uplift", ids.assign(
            expected_uplift=rng.uniform(0, 0.4, n), next_best_action="door", model_version="test"))  # fmt: skip
        tenancy.insert(connection, "property_impacts", ids.assign(storm_id=storm_id, hail_in=1.5, sii_score=60.0))
        if is_decided:
            tenancy.insert(connection, "policy_decisions_log", ids.assign(
                storm_id=storm_id, decision=decision, reason=reason, model_version="test"))  # fmt: skip
        refused = ids.iloc[without_place : without_place + suppressed]
        tenancy.insert(connection, "suppressions", refused.assign(channel="door", reason="asked not to be visited"))
    return World(slug, "hail", storm_id, properties)
