"""One example of every chart, with words in it that are dangerous as markup."""

from __future__ import annotations

import numpy as np
import pandas as pd

from stormplay import charts

EVIL = "<b>Crew</b> & <a href='https://evil.example'>Sons</a> </script><script>alert(1)</script>"


def components():
    return pd.DataFrame({
        "label": ["Policy coverage", "Route completion", "Conversion lift", "Data quality"],
        "points": [24.0, 18.75, 0.0, 19.7],
        "most": [30.0, 25.0, 25.0, 20.0],
        "detail": ["80 of 100 homes with high uplift", "45 of 60 jobs", "", "3 issues in 200 checks"],
        "reason": ["", "", f"no outcome of {EVIL} yet", ""],
    })  # fmt: skip


def history(n=12):
    at = pd.Timestamp("2021-05-01 12:00", tz="UTC") + pd.to_timedelta(np.arange(n) * 9, unit="h")
    score = np.round(20 + np.cumsum(np.abs(np.sin(np.arange(n))) * 5), 2)
    causes = [EVIL, *[f"Crew Ray completed {k} jobs" for k in range(1, n)]][:n]
    return pd.DataFrame({"changed_at": at, "score": score, "cause": causes, "changed_by": "Ana Torres"})


def days(names=("North Tarrant hail <i>2021</i>", "Saginaw to Mansfield hail, 28 April 2020")):
    parts = []
    for k, name in enumerate(names):
        day = np.arange(3, 60 - 20 * (k == 0))
        doors = np.minimum(1_400, (day - 2) * (30 + 9 * k))
        parts.append(pd.DataFrame({
            "storm": name, "day": day, "doors": doors,
            "completed_per_100_doors": np.where(doors < 40, np.nan, 60 + 5 * np.sin(day / 9) - 6 * k),
            "conversions_per_100_doors": np.where(doors < 40, np.nan, np.clip((day - 20) / 4, 0, 9 + k)),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def lifts():
    return pd.DataFrame({
        "label": ["Difference, this storm", "Difference, all storms", EVIL],
        "estimate": [8.6, 4.1, -3.0], "low": [3.3, -0.4, -5.0], "high": [13.2, 8.9, -1.0],
    })  # fmt: skip


def curve(n=3_000):
    homes = np.arange(1, n + 1)
    return pd.DataFrame({"homes": homes, "conversions": np.cumsum(np.linspace(0.24, -0.01, n))})


def qinis():
    share = np.linspace(0, 1, 60)
    parts = [
        pd.DataFrame({
            "model": name, "share": share, "gain": 90 * (share**power),
            "low": 90 * share**power - 9, "high": 90 * share**power + 9,
        })
        for name, power in (("X-learner", 0.55), ("T-learner", 0.7), ("Response model <x>", 0.95))
    ]  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def groups():
    predicted = np.linspace(0.0, 0.22, 8)
    observed = predicted * 0.9 + 0.01 * np.sin(np.arange(8) * 2)
    return pd.DataFrame({
        "predicted": predicted, "observed": observed, "low": observed - 0.03, "high": observed + 0.035, "n": 400,
    })  # fmt: skip


def household(homes=2, each=3, shared=True):
    """Homes with names, numbers, addresses of their own, one number that ties them and one that joins nobody."""
    kinds = [("name_address", "Torres, Ana <b>x</b>", 0.9), ("phone", "(817) 555-0142", 0.95),
             ("email", "ana@example.org", 0.95), ("device", "tablet 4f31", 0.6), ("claim", "CLM-88213", 0.99),
             ("crm_id", "CRM-99120", 0.97)]  # fmt: skip
    nodes, links = [], []
    for h in range(homes):
        nodes.append((f"h{h}", "property_id", f"{1_204 + 7 * h} Meadowbrook Lane, Fort Worth 76137", True, False, 1))
        for k, (kind, label, strength) in enumerate(kinds[:each]):
            nodes.append((f"h{h}-{k}", kind, label, True, k == 1, 1))
            links.append((f"h{h}", f"h{h}-{k}", strength, "seen together"))
        links += [("h0-1", f"h{h}", 0.95, "seen together")] if h and each > 1 else []
    if shared:
        nodes.append(("s", "phone", EVIL, False, False, 12))
        links.append(("h0", "s", 0.95, "seen together"))
    return (pd.DataFrame(nodes, columns=["identifier_id", "type", "label", "joins", "verified", "households"]),
            pd.DataFrame(links, columns=["from_id", "to_id", "strength", "rule"]))  # fmt: skip


def credit(channels=("call", "web", EVIL), methods=("first touch", "last touch", "Markov")):
    rows = [(method, channel, 0.2 + 0.05 * k * (n + 1)) for k, method in enumerate(methods)
            for n, channel in enumerate(channels)]  # fmt: skip
    found = pd.DataFrame(rows, columns=["method", "channel", "share"])
    found["share"] /= found.groupby("method")["share"].transform("sum")
    return found.assign(amount=[f"{200 * share:.1f} signatures" for share in found["share"]])


def journeys():
    """Two storms: one journey that ended in a signature with a touch after it, one that is pending."""
    told = pd.DataFrame({
        "journey": ["a", "b"], "storm": ["North Tarrant hail, 28 Apr 2021", EVIL], "place": ["1204 Meadow Lane", EVIL],
        "hail_on": [pd.Timestamp("2021-04-28"), pd.Timestamp("2020-04-28")], "outcome": ["signed", "pending"],
        "outcome_at": [pd.Timestamp("2021-06-01 12:00Z"), pd.NaT], "outcome_said": ["signed, $12,500", "not known yet"],
        "words": ["1204 Meadow Lane: 2 touches; signed.", "1 touch; not known yet."],
    })  # fmt: skip
    touches = pd.DataFrame([("a", "mail", "2021-05-03 15:00Z", True), ("a", "call", "2021-05-10 15:00Z", True),
                            ("a", "mail", "2021-06-03 15:00Z", False), ("b", EVIL, "2020-05-01 15:00Z", True)],
                           columns=["journey", "channel", "timestamp", "is_counted"])  # fmt: skip
    return told, touches.assign(timestamp=pd.to_datetime(touches["timestamp"]))


def minutes(n=30):
    start = pd.Timestamp("2021-04-29 00:50", tz="UTC")
    return [((start + pd.Timedelta(minutes=k)).to_pydatetime(),
             {"property_impacted": 40 * k % 700, "job_completed": k % 4, "conversion": int(k % 9 == 0)})
            for k in range(n)]  # fmt: skip


EXAMPLES = {
    "events_a_minute": lambda: charts.events_a_minute(minutes()),
    "method_dots": lambda: charts.method_dots(credit()),
    "credit_beside_cause": lambda: charts.credit_beside_cause(199, 157.1, 103.5, 210.8, of_treated=191),
    "journey_timeline": lambda: charts.journey_timeline(*journeys()),
    "network": lambda: charts.network(*household()),
    "waterfall": lambda: charts.waterfall(components()),
    "gauge": lambda: charts.gauge(62.45),
    "score_history": lambda: charts.score_history(history()),
    "storm_comparison": lambda: charts.storm_comparison(days()),
    "lift_interval": lambda: charts.lift_interval(lifts()),
    "uplift_curve": lambda: charts.uplift_curve(curve(), cuts={"crew capacity": 900, "budget <i>": 1_400}),
    "qini": lambda: charts.qini(qinis()),
    "calibration": lambda: charts.calibration(groups()),
}
