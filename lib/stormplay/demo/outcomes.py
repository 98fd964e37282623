"""What came of it: outcomes drawn from the ground truth, and the touches before them. All synthetic.

Analyse as decided (intention to treat): a treated home counts as treated whether or not somebody opened the door.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from stormplay.demo.streets import Rng
from stormplay.demo.truth import base_rate, true_effect
from stormplay.experiments.assignment import assigned

PENDING_SHARE = 0.03  # signed or not, not known yet: within the three days to cancel, or no answer so far

# Chance of each channel per outbound touch. Before the first route is driven nobody has knocked.
FIELD_CHANNELS = {"door": 0.52, "call": 0.20, "text": 0.12, "email": 0.08, "mail": 0.08}
DESK_CHANNELS = {"call": 0.45, "text": 0.20, "email": 0.20, "mail": 0.15}
INBOUND_CHANNELS = {"web": 0.5, "referral": 0.3, "call": 0.2}
INBOUND_SHARE = 0.12  # of homes that ask by themselves
CHANNEL_ORDER = ("door", "call", "text", "email", "mail", "web", "referral")


def draw_outcomes(rng: Rng, day: pd.Timestamp, homes: pd.DataFrame) -> pd.DataFrame:
    """Draw who signed.

    Args:
        rng: Source of chance.
        day: Midnight (UTC) of the storm's day.
        homes: Treated and held-out homes: property_id, decision, hail_in, roof_age_years, roof_area_sqft.

    Returns:
        One row a home: property_id, actual_converted, value_cents (0 where not signed), observed_at.
    """
    hail_in, age = homes["hail_in"].to_numpy(), homes["roof_age_years"].to_numpy()
    treated = (homes["decision"] == "treat").to_numpy()
    converted = rng.random(len(homes)) < base_rate(hail_in, age) + treated * true_effect(hail_in, age)
    price = homes["roof_area_sqft"].to_numpy() * rng.uniform(4.2, 7.0, len(homes))
    # Signing lags by three to six weeks; after sixty days an unsigned home counts as not converted.
    days = np.where(converted, rng.integers(21, 43, len(homes)), 60)
    return pd.DataFrame(
        {
            "property_id": homes["property_id"].to_numpy(),
            "actual_converted": converted,
            "value_cents": np.where(converted, price.round(-2) * 100, 0).astype("int64"),
            "observed_at": day + pd.to_timedelta(days * 24 + rng.integers(15, 24, len(homes)), unit="h"),
        }
    )


def known_so_far(rng: Rng, outcomes: pd.DataFrame, storm: str, share: float) -> pd.DataFrame:
    """Keep a share of outcomes, drawn by hash alike in both arms; of these a few are still pending (missing)."""
    kept = outcomes[assigned(outcomes["property_id"], f"first wave {storm}", share)].copy()
    pending = rng.permutation(len(kept)) < np.ceil(len(kept) * PENDING_SHARE)
    return kept.assign(
        actual_converted=kept["actual_converted"].astype(object).where(~pending, None),
        value_cents=kept["value_cents"].astype(object).where(~pending, None),
    )


def draw_touches(
    rng: Rng, day: pd.Timestamp, homes: pd.DataFrame, *, field: bool, refused: dict[str, NDArray[np.bool_]]
) -> pd.DataFrame:
    """Draw the touches of homes whose outcome is known.

    Args:
        rng: Source of chance.
        day: Midnight (UTC) of the storm's day.
        homes: property_id, decision, phone_e164, email, actual_converted, observed_at.
        field: Whether routes were driven; without, nobody knocked.
        refused: Per channel, which of these homes refused it; no touch of ours uses such a channel.

    Returns:
        property_id, channel and timestamp, in order of time. A held-out home has only touches that it began itself;
        a home that signed has at least one touch, all before it signed.
    """
    mix = FIELD_CHANNELS if field else DESK_CHANNELS
    treated = (homes["decision"] == "treat").to_numpy()
    converted = homes["actual_converted"].map(lambda value: value is True or value == 1).to_numpy(dtype=bool)
    outbound = np.where(treated, 1 + rng.poisson(0.9, len(homes)), 0)
    asked = (rng.random(len(homes)) < INBOUND_SHARE) | (converted & ((outbound == 0) | (rng.random(len(homes)) < 0.3)))
    ours = _expand(rng, np.repeat(np.arange(len(homes)), outbound), mix)
    theirs = _expand(rng, np.flatnonzero(asked), INBOUND_CHANNELS)
    touches = pd.concat([_permitted(ours, homes, refused), theirs], ignore_index=True)
    # Signed homes that refused every channel of ours still came to us.
    silent = np.setdiff1d(np.flatnonzero(converted), touches["home"].to_numpy())
    touches = pd.concat([touches, _expand(rng, silent, INBOUND_CHANNELS)], ignore_index=True)
    return _timed(rng, day, homes, touches)


def _expand(rng: Rng, home: NDArray[np.intp], mix: dict[str, float]) -> pd.DataFrame:
    return pd.DataFrame({"home": home, "channel": rng.choice(list(mix), len(home), p=list(mix.values()))})


def _permitted(touches: pd.DataFrame, homes: pd.DataFrame, refused: dict[str, NDArray[np.bool_]]) -> pd.DataFrame:
    """Leave out touches over a refused channel or without its address; a letter needs no more than a house."""
    home, channel = touches["home"].to_numpy(), touches["channel"].to_numpy()
    phone, email = homes["phone_e164"].notna().to_numpy(), homes["email"].notna().to_numpy()
    allowed = ~refused["all"][home]
    for name in ("door", "call", "text", "email"):
        allowed &= (channel != name) | ~refused[name][home]
    allowed &= ~np.isin(channel, ["call", "text"]) | phone[home]
    allowed &= (channel != "email") | email[home]
    return pd.DataFrame(touches.loc[allowed])


def _timed(rng: Rng, day: pd.Timestamp, homes: pd.DataFrame, touches: pd.DataFrame) -> pd.DataFrame:
    """Give each touch a moment from the second day on, 9:00 to 18:00 in Texas, before the outcome was known."""
    latest = ((homes["observed_at"] - day).dt.days.to_numpy() - 1)[touches["home"].to_numpy()]
    days = 2 + (rng.random(len(touches)) ** 2 * (latest - 2)).astype(int)
    minutes = rng.integers(14 * 60, 23 * 60, len(touches))  # UTC: 9:00 to 18:00 CDT
    timed = pd.DataFrame(
        {
            "property_id": homes["property_id"].to_numpy()[touches["home"].to_numpy()],
            "channel": touches["channel"].to_numpy(),
            "timestamp": day + pd.to_timedelta(days * 1440 + minutes, unit="min"),
        }
    )
    return timed.sort_values(["timestamp", "property_id"], ignore_index=True)
