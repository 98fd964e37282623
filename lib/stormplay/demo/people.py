"""Who lives in the demo's homes and what the homes are: owners, contacts, roofs, refusals. All synthetic."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stormplay.demo.streets import Rng
from stormplay.demo.words import AREA_CODES, FIRST_NAMES, LAST_NAMES

PHONE_FORMATS = ("({0}) 555-{1}", "{0}-555-{1}", "{0}.555.{1}", "+1 {0} 555 {1}")
ROOF_MATERIALS = {
    "asphalt shingle": 0.86,
    "impact-resistant shingle": 0.05,
    "metal": 0.04,
    "clay tile": 0.03,
    "wood shake": 0.02,
}
LANDLORD_HOMES = 12  # homes under one phone: an identity rule must not take them for one household
SECOND_HOME_SHARE = 0.01


def phone_numbers(rng: Rng) -> list[str]:
    """Every fiction number (555-0100 to 555-0199) of the demo's area codes, shuffled, in E.164."""
    numbers = [f"+1{area}55501{line:02d}" for area in AREA_CODES for line in range(100)]
    return [numbers[place] for place in rng.permutation(len(numbers))]


def add_owners(rng: Rng, homes: pd.DataFrame, phones: list[str], *, first_number: int) -> pd.DataFrame:
    """Give each home an owner: owner_name, phone_e164 and email (None where not known).

    The first `len(phones)` homes of a random order have a phone; about 55 % have an e-mail address, told apart by a
    number that rises from `first_number`.
    """
    count = len(homes)
    first, last = rng.choice(FIRST_NAMES, count), rng.choice(LAST_NAMES, count)
    host = rng.choice(["example.com", "example.org"], count, p=[0.8, 0.2])
    known = rng.random(count) < 0.55
    phone = np.full(count, None, dtype=object)
    phone[rng.permutation(count)[: len(phones)]] = phones
    emails = [
        f"{a}.{b}{i}@{h}".lower() for i, (a, b, h) in enumerate(zip(first, last, host, strict=True), first_number)
    ]
    owned = homes.assign(
        owner_name=[f"{a} {b}" for a, b in zip(first, last, strict=True)],
        phone_e164=phone,
        email=pd.Series(emails, dtype=object).where(pd.Series(known), None).to_numpy(),
    )
    return _with_landlords(rng, owned, f"office{first_number}@example.com")


def _with_landlords(rng: Rng, homes: pd.DataFrame, office: str) -> pd.DataFrame:
    """Some owners have a second home; one management company has a dozen under one number."""
    contact = ["owner_name", "phone_e164", "email"]
    changed = homes.copy()
    pairs = rng.permutation(len(homes))[: 2 * int(len(homes) * SECOND_HOME_SHARE)].reshape(2, -1)
    values = changed[contact].to_numpy(dtype=object)
    values[pairs[1]] = values[pairs[0]]
    managed = rng.permutation(np.flatnonzero(pd.notna(values[:, 1])))[:LANDLORD_HOMES]
    values[managed] = ["Placeholder Property Management (demo)", values[managed[0], 1], office]
    changed[contact] = pd.DataFrame(values, columns=contact, index=changed.index)
    return changed


def format_phones(rng: Rng, phones: pd.Series[str]) -> pd.Series[str]:
    """Write E.164 numbers as people do, in one of four ways."""
    styles = rng.choice(PHONE_FORMATS, len(phones))
    written = [
        None if pd.isna(phone) else str(style).format(phone[2:5], phone[-4:])
        for phone, style in zip(phones, styles, strict=True)
    ]
    return pd.Series(written, index=phones.index, dtype=object)


def add_roofs(rng: Rng, homes: pd.DataFrame) -> pd.DataFrame:
    """Give each home a roof and a value; homes of one neighbourhood are of about one age and price."""
    count = len(homes)
    neighbourhood = homes["neighbourhood"].to_numpy()
    places = int(neighbourhood.max()) + 1
    built = rng.uniform(4, 22, places)[neighbourhood]
    price = rng.lognormal(np.log(330_000), 0.25, places)[neighbourhood]
    area = rng.normal(2_500, 500, count).clip(1_100, 5_200)
    return homes.assign(
        roof_age_years=rng.normal(built, 4).clip(0, 35).round(1),
        roof_material=rng.choice(list(ROOF_MATERIALS), count, p=list(ROOF_MATERIALS.values())),
        roof_area_sqft=area.round(),
        home_value_cents=((price * (area / 2_500) ** 0.6 * rng.normal(1, 0.06, count)).round(-3) * 100).astype("int64"),
    )


REFUSALS = {
    # channel: (share of homes, the words of the reason)
    "door": (0.03, "do_not_knock: asked for no visits"),
    "call": (0.05, "do_not_call: asked for no calls"),
    "text": (0.03, "do_not_text: asked for no text messages"),
    "email": (0.04, "do_not_email: unsubscribed"),
    "all": (0.005, "do_not_contact: asked for no contact at all"),
}


def refusals(rng: Rng, homes: pd.DataFrame) -> pd.DataFrame:
    """Who said no, before the first of the demo's storms: property_id, channel, reason, suppressed_at."""
    first_day = pd.Timestamp("2015-01-05 15:00", tz="UTC")
    rows = []
    for channel, (share, reason) in REFUSALS.items():
        said_no = homes.loc[rng.random(len(homes)) < share, ["property_id"]]
        days = pd.to_timedelta(rng.integers(0, 430, len(said_no)), unit="D")
        rows.append(said_no.assign(channel=channel, reason=reason, suppressed_at=first_day + days))
    return pd.concat(rows, ignore_index=True)
