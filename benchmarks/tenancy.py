"""What row security costs: every statement of the product under it, against the same one filtered by hand.

    python benchmarks/tenancy.py --home /tmp/bench-tenancy
    python benchmarks/tenancy.py --rows 20000 --only get_ --explain

An embedded Postgres of its own is filled with 1,000,000 properties of 20 tenants (`tenants.py`). The product runs its
calls (`calls.py`, where to add one) in the tenant of median size, and each transaction that it really sends is kept.
Each is then played again and rolled back, in turn through a kernel's login, and through a role that row security does
not bind and whose tables are plain views `SELECT * FROM table WHERE tenant_id = 'the tenant'`. The planner takes such
a view for what it stands for, so this is the same statement with its filters written by hand (for some 4 microseconds
a table more). Times are the server's and the wire's, without pandas; ratios are medians over pairs.

What writes is compared without the audit, which nobody has who filters by hand; what the audit costs stands beside it.
Exits with 1 where a bound is broken: for statements over 5 ms the geometric mean of the ratios at most 1.1 and none
above 1.3; for shorter ones at most 0.1 ms more a statement, in the mean. Where ours was quicker, with a luckier plan,
the means count it as equal. Not counted are the joins of the wiring guide as they stand there: they do not name the
tenant, which only the policy knows, while they run; so their plan is a guess. The product joins by tenant and names it.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import math
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ending
import psycopg2
from byhand import audit, check_views, filter_by_hand
from calls import AS_WRITTEN, CALLS, PAGE, Statement, Subject, Transaction, capture
from rich.console import Console
from rich.table import Table
from tenants import TENANTS, as_administrator, load

from stormplay import broker
from stormplay.embedded.place import place_of

LONG_MS, MEAN_BOUND, RATIO_BOUND, ADDED_BOUND_MS = 5.0, 1.1, 1.3, 0.1
UNAUDITED = " without audit"

_out = Console(width=160)


# ---- the two lanes


@contextmanager
def lanes(tenant_id: str) -> Iterator[dict[str, Any]]:
    """A connection through the lock, and one that filters by hand."""
    login = broker.open_kernel(broker.LOCAL, purpose="benchmark")
    opened = {"lock": psycopg2.connect(login.url), "hand": psycopg2.connect(filter_by_hand(tenant_id))}
    try:
        check_views(opened["hand"], tenant_id)
        yield opened
    finally:
        for connection in opened.values():
            connection.close()
        broker.close_kernel(login.login)
        audit(True)


# ---- measuring


def play(connection: Any, transaction: Transaction, lane: str, *, keep: bool = True) -> None:
    """Send a transaction once more, note the times, and roll it back.

    Raises:
        RuntimeError: A statement gave another number of rows than when the product sent it, or leans on a primary
            key, which a view has not.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")  # BEGIN goes with the first statement, and waking up
            for each in transaction:
                if lane.startswith("hand") and each.is_door:
                    cursor.execute("SELECT 1")
                    continue
                ms = _send(cursor, each)
                if keep:
                    each.ms.setdefault(lane, []).append(ms)
    finally:
        connection.rollback()


def _send(cursor: Any, each: Statement) -> float:
    began = time.perf_counter()
    try:
        cursor.execute(each.sent)
    except psycopg2.errors.GroupingError as error:
        raise RuntimeError(f"{each.name}: name every column in GROUP BY, or aggregate first. {error}") from None
    ms = (time.perf_counter() - began) * 1e3
    if cursor.rowcount != each.rows:
        raise RuntimeError(f"{each.name}: {cursor.rowcount} rows instead of {each.rows}")
    return ms


def measure(
    transactions: list[Transaction], opened: Mapping[str, Any], seconds: float, fewest: int, rounds: int
) -> None:
    """Play every transaction through both lanes in turn; those that write also without the audit, round by round."""
    as_administrator("VACUUM")  # an earlier run's leavings
    gc.collect()
    gc.freeze()  # what is loaded by now stays; to look through it before each transaction took half of a quick run
    for number, transaction in enumerate(sorted(transactions, key=_rows_written), 1):
        _out.print(f"[dim]{number}/{len(transactions)} {transaction[-1].name:60}[/dim]", end="\r")
        if not any(each.is_write for each in transaction):
            _alternate(transaction, opened, "", seconds, fewest)
            continue
        for turn in range(2 * rounds):
            is_audited = turn % 2 == 1
            audit(is_audited)
            _alternate(transaction, opened, "" if is_audited else UNAUDITED, seconds / rounds, -(-fewest // rounds))
            if _rows_written(transaction) >= PAGE:
                as_administrator("VACUUM")  # what was rolled back still lies in the way


def _rows_written(transaction: Transaction) -> int:
    return sum(each.rows for each in transaction if each.is_write)


def _alternate(transaction: Transaction, opened: Mapping[str, Any], suffix: str, seconds: float, fewest: int) -> None:
    """Play in turn for so many seconds, at least `fewest` times each, and twice as often where it is quick."""
    began = time.perf_counter()
    for lane, connection in opened.items():
        for _ in range(2):  # caches are cold, and a switched trigger makes each connection look again
            play(connection, transaction, lane + suffix, keep=False)
    once = (time.perf_counter() - began) / 4
    turns = max(fewest if once > 0.1 else 2 * fewest + 1, round(seconds / once / 2))
    gc.collect()
    gc.disable()
    for turn in range(min(1_000, turns)):
        for lane in sorted(opened, reverse=turn % 2 == 1):
            play(opened[lane], transaction, lane + suffix)
    gc.enable()


def explain(transactions: list[Transaction], opened: Mapping[str, Any]) -> None:
    """Print both plans of each statement that reads, as they ran."""
    for transaction in transactions:
        for lane, connection in opened.items():
            with connection.cursor() as cursor:
                for each in transaction:
                    if lane == "hand" and each.is_door:
                        continue
                    is_shown = each.is_ours and not each.is_write
                    cursor.execute(b"EXPLAIN (ANALYZE, BUFFERS OFF) " * is_shown + each.sent)
                    if is_shown:
                        _out.print(f"{lane}: {each.name}", *(row[0] for row in cursor), sep="\n", markup=False)
            connection.rollback()


# ---- what came out


@dataclass(frozen=True)
class Row:
    """What a statement took: medians in milliseconds.

    Attributes:
        name, rows: Which statement, and the rows that it gave or changed.
        ours, hand: With row security, and filtered by hand; for one that writes, both without the audit.
        ratio, added: The medians over all pairs that ran one after the other, so that a machine that is slow for a
            while is slow for both.
        audited: With row security and the audit, for one that writes.
    """

    name: str
    rows: int
    ours: float
    hand: float
    ratio: float
    added: float
    audited: float | None


def results(transactions: list[Transaction]) -> list[Row]:
    """One row for each kind of statement and number of rows."""
    groups: dict[tuple[str, str, int], list[Statement]] = {}
    # What asks a function of the lock has no counterpart by hand.
    found = (each for transaction in transactions for each in transaction if each.is_ours and not each.is_door)
    for each in found:
        groups.setdefault((each.name, each.written, each.rows), []).append(each)
    return [_row(name, rows, members) for (name, _, rows), members in groups.items()]


def _row(name: str, rows: int, members: list[Statement]) -> Row:
    def ms(lane: str) -> list[float]:
        return [one for each in members for one in each.ms[lane]]

    is_write = members[0].is_write
    suffix = UNAUDITED if is_write else ""
    ours, hand = ms("lock" + suffix), ms("hand" + suffix)
    ratio = statistics.median(a / b for a, b in zip(ours, hand, strict=True))
    added = statistics.median(a - b for a, b in zip(ours, hand, strict=True))
    audited = statistics.median(ms("lock")) if is_write else None
    return Row(name, rows, statistics.median(ours), statistics.median(hand), ratio, added, audited)


def door_ms(transactions: list[Transaction]) -> float:
    """What choosing the tenant adds to a transaction: the medians of its two statements."""
    opening = [each for transaction in transactions for each in transaction if each.is_door]
    taken = [
        [ms for each in opening if word in each.sent for ms in each.ms["lock"]]
        for word in (b"tenant_id, slug FROM sec.my_tenants", b"app.tenant_id")
    ]
    return sum(map(statistics.median, taken))


def show(rows: list[Row], title: str) -> None:
    """Print a table; that of what writes has three columns more."""
    if not rows:
        return
    is_audited = any(row.audited is not None for row in rows)
    headings = ["rows", "with row security, ms", "by hand, ms", "ratio", "added, ms"]
    table = Table("statement", title=title, title_justify="left")
    for heading in headings + ["with audit, ms", "audit adds, ms", "audit, ratio"] * is_audited:
        table.add_column(heading, justify="right")
    for row in rows:
        cells = [row.name, f"{row.rows:,}", f"{row.ours:.3f}", f"{row.hand:.3f}", f"{row.ratio:.2f}",
                 f"{row.added:+.3f}"]  # fmt: skip
        if row.audited is not None:
            cells += [f"{row.audited:.3f}", f"{row.audited - row.ours:+.3f}", f"{row.audited / row.ours:.2f}"]
        table.add_row(*cells)
    _out.print(table)


def verdict(rows: list[Row]) -> bool:
    """Print the figures that are bound. Returns whether all bounds are kept."""
    counted = [row for row in rows if not row.name.startswith(AS_WRITTEN)]
    long, short = [row for row in counted if row.hand > LONG_MS], [row for row in counted if row.hand <= LONG_MS]
    kept = True
    if long:
        mean = math.exp(statistics.fmean(math.log(max(1.0, row.ratio)) for row in long))
        worst = max(long, key=lambda row: row.ratio)
        kept &= _say(f"{len(long)} statements over {LONG_MS:g} ms, geometric mean of the ratios", mean, MEAN_BOUND)
        kept &= _say(f"  largest ratio, {worst.name}", worst.ratio, RATIO_BOUND)
    if short:
        mean, worst = statistics.fmean(max(0.0, row.added) for row in short), max(short, key=lambda row: row.added)
        kept &= _say(f"{len(short)} shorter statements, ms more a statement", mean, ADDED_BOUND_MS)
        _out.print(f"  most for {worst.name}: {worst.added:+.3f} ms to {worst.hand:.3f}")
    return kept


def _say(what: str, value: float, bound: float) -> bool:
    _out.print(f"{what}: {value:.3f}, bound {bound:g}: {ending.word(value <= bound)}")
    return value <= bound


# ---- the command


def parse(arguments: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = ending.parser("Row security against filters written by hand, on every statement.")
    parser.add_argument("--home", type=Path, help="folder of the database, filled once and used again (default: new)")
    parser.add_argument("--rows", type=int, default=1_000_000, help="properties of all tenants (default 1,000,000)")
    parser.add_argument("--only", default="", help="only calls whose name contains this")
    parser.add_argument("--explain", action="store_true", help="print both plans of each statement that reads")
    parser.add_argument("--quick", action="store_true", help="few repetitions")
    options = parser.parse_args(arguments)
    if options.rows < 100 * TENANTS:
        parser.error(f"--rows takes {100 * TENANTS:,} or more")
    return options


def use_home(named: Path | None) -> None:
    """Use a database of our own; one that nobody named is removed when this process ends."""
    folder = named or Path(tempfile.mkdtemp(prefix="bench-tenancy-"))
    os.environ.pop("STORMPLAY_DATABASE_URL", None)
    os.environ["STORMPLAY_HOME"] = str(folder)
    if named is None:
        folder.chmod(0o711)  # as root, Postgres steps down to an account that must get here
        atexit.register(_remove, folder)  # before all others, so it comes after the server has been stopped


def _remove(folder: Path) -> None:
    place = place_of(folder)
    for path in (place.data, place.sockets, folder):
        shutil.rmtree(path, ignore_errors=True)


def run(options: argparse.Namespace) -> bool:
    """Load, measure, print. Returns whether the bounds are kept."""
    load(options.rows)
    subject = Subject.median()
    transactions = capture(subject, {name: call for name, call in CALLS.items() if options.only in name})
    with lanes(subject.tenant_id) as opened:
        if options.explain:
            explain(transactions, opened)
        measure(transactions, opened, *((0.02, 1, 1) if options.quick else (2.0, 20, 3)))
    rows = results(transactions)
    reading, writing = ([row for row in rows if (row.audited is None) == is_read] for is_read in (True, False))
    show(reading, f"Reading; {options.rows:,} properties, {TENANTS} tenants")
    show(writing, "Writing; ratio and added without the audit")
    _out.print(f"Choosing the tenant: {door_ms(transactions):.3f} ms a transaction, without counterpart by hand")
    return verdict(rows)


def main(arguments: list[str] | None = None) -> int:
    """Run and print; 0 when the bounds are kept, 1 when one is broken."""
    options = parse(arguments)
    use_home(options.home)
    return ending.exit_code(lambda: run(options), options)


if __name__ == "__main__":
    sys.exit(main())
