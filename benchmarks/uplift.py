"""Uplift: how well each learner ranks on a randomised data set, and how long a million homes take to be scored.

    python benchmarks/uplift.py FILE.csv --treatment COL --outcome COL [--features a,b,c]
    python benchmarks/uplift.py                      a trial made up here, whose true effect is known
    python benchmarks/uplift.py --score 1000000      score a storm on an embedded Postgres of its own

The first two fit S, T, X and DR and the response baseline on the same folds, and print the Qini coefficient of each, of
homes that its model has not seen, with its standard error from 200 draws of the homes (see `stormplay.uplift.qini`).
Two learners whose intervals overlap cannot be told apart by this data set, and that is what is said.

The third exits with 1 where reading, predicting, reasons and writing together take a minute or more.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table
from trial import TRUE, made_up

from stormplay.errors import BadInput, StormplayError
from stormplay.uplift import CrossFitted, Ranking, cross_fit, rank

LEARNERS = ("s", "t", "x", "dr", "response")
_NAMES = {"s": "S-learner", "t": "T-learner", "x": "X-learner", "dr": "DR-learner",
          "response": "response model (no uplift)", TRUE: "true effect (known here alone)"}  # fmt: skip
_out = Console(width=140)


def read(path: Path, treatment: str, outcome: str, features: list[str] | None) -> pd.DataFrame:
    """The columns in question of a CSV; rows without treatment or outcome are left out and counted.

    Raises:
        BadInput: There is no such file or column.
    """
    try:
        table = pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise BadInput(f"The file {path} cannot be read ({type(error).__name__}).", "Expected a CSV.") from None
    wanted = [*(features or [name for name in table if name not in (treatment, outcome)]), treatment, outcome]
    missing = [name for name in wanted if name not in table]
    if missing:
        raise BadInput(f"The file has no column '{missing[0]}'.", f"It has {', '.join(map(str, table.columns))}.")
    known = table[wanted].dropna(subset=[treatment, outcome])
    if len(known) < len(table):
        _out.print(f"{len(table) - len(known):,} rows without treatment or outcome are left out.")
    return known.reset_index(drop=True)


def measure(
    table: pd.DataFrame, treatment: str, outcome: str, *, base: str, propensity: str | None, seed: int, repeats: int,
    truth: pd.Series | None = None,
) -> tuple[CrossFitted, Ranking]:  # fmt: skip
    """Cross-fit all learners and rank the homes by each."""
    features = table.drop(columns=[treatment, outcome])
    # Names of columns say nothing here; what they hold is looked at all the same.
    fitted = cross_fit(features, table[treatment], table[outcome], LEARNERS, seed, base=base, propensity=propensity,
                       post_treatment=())  # fmt: skip
    predicted = fitted.predicted if truth is None else fitted.predicted.assign(**{TRUE: truth})
    return fitted, rank(predicted, table[treatment], table[outcome], repeats=repeats, seed=seed)


def show(ranking: Ranking, seconds: float) -> None:
    """Print the table and what can be told apart."""
    table = Table("ranking", "Qini", "standard error", "95 %", "AUUC", "standard error", "share of optimum",
                  title=f"{ranking.treated:,} treated, {ranking.held:,} held out; average effect {ranking.effect:.4f}, "
                  f"standard error {ranking.effect_se:.4f}")  # fmt: skip
    for row in ranking.table.itertuples():
        share = "-" if pd.isna(row.optimum_share) else f"{row.optimum_share:.3f} ({row.optimum_share_se:.3f})"
        table.add_row(_NAMES[row.name], f"{row.qini:.5f}", f"{row.qini_se:.5f}",
                      f"{row.qini_low:.5f} to {row.qini_high:.5f}", f"{row.auuc:.5f}", f"{row.auuc_se:.5f}",
                      share)  # fmt: skip
    _out.print(table)
    for sentence in told_apart(ranking.table[ranking.table["name"] != TRUE]):
        _out.print(sentence)
    paired = ranking.differences("response")
    for row in paired[~paired["name"].isin([TRUE])].itertuples():
        said = ("ranks better" if row.difference > 0 else "ranks worse") if row.can_tell else "cannot tell apart"
        _out.print(f"{_NAMES[row.name]} less response model, home by home: {row.difference:+.5f}, "
                   f"{row.low:.5f} to {row.high:.5f}: {said}")  # fmt: skip
    _out.print(f"[dim]{seconds:.1f} s; 0 is ranking by chance[/dim]")


def told_apart(table: pd.DataFrame) -> list[str]:
    """Which rankings are better than chance, and which pairs have intervals that do not overlap."""
    chance = table[table["qini_low"] <= 0]["name"]
    said = [f"{_NAMES[name]}: cannot tell apart from ranking by chance" for name in chance]
    rows = list(table.itertuples())
    clear = [(one, other) for k, one in enumerate(rows) for other in rows[k + 1 :] if one.qini_low > other.qini_high]
    said += [f"{_NAMES[one.name]} ranks better than {_NAMES[other.name]}" for one, other in clear]
    if not clear:
        said.append("Among these five: cannot tell apart (all intervals overlap)")
    return said


def main() -> int:
    """Run the benchmark. Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", type=Path, help="a randomised data set as CSV; without one, a made-up trial")
    parser.add_argument("--treatment", default="treated", help="column with 1 for treated and 0 for not")
    parser.add_argument("--outcome", default="signed", help="column with the outcome, 0/1 or a number")
    parser.add_argument("--features", help="columns to use, with commas; without, all others")
    parser.add_argument("--base", default="boosting", choices=("boosting", "linear"))
    parser.add_argument("--propensity", choices=("estimated",), help="where the arms were not drawn alike for all")
    parser.add_argument("--rows", type=int, default=20_000, help="of the made-up trial")
    parser.add_argument("--repeats", type=int, default=200, help="draws of the bootstrap")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("trial.csv"), help="where the made-up trial is written")
    parser.add_argument("--score", type=int, metavar="HOMES", help="score so many homes instead")
    parser.add_argument("--home", type=Path, default=Path("/tmp/bench-uplift"), help="of the database for --score")
    given = parser.parse_args()
    if given.score is not None:
        import scoring  # noqa: PLC0415 - a server of its own

        return 0 if scoring.run(given.home, given.score) else 1
    began, truth = time.perf_counter(), None
    if given.file is None:
        table, truth = made_up(given.rows, given.seed)
        table.assign(**{TRUE: truth}).to_csv(given.out, index=False)
        _out.print(
            f"A made-up trial of {len(table):,} homes, written to {given.out}; column {TRUE} is not shown to anybody."
        )
    else:
        table = read(given.file, given.treatment, given.outcome, given.features.split(",") if given.features else None)
    _, ranking = measure(table, given.treatment, given.outcome, base=given.base, propensity=given.propensity,
                         seed=given.seed, repeats=given.repeats, truth=truth)  # fmt: skip
    show(ranking, time.perf_counter() - began)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except StormplayError as error:
        _out.print(f"[red]{error}[/red]")
        sys.exit(error.exit_code)
