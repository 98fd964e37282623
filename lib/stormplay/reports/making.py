"""One report from its login to its files: its lock, its history, its tries."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import stormplay
from stormplay import broker, clock, database, logs, parameters, store, tenancy
from stormplay.errors import Cancelled, DatabaseUnavailable, ReportFailed, ReportTimedOut, StaleData, StormplayError
from stormplay.reports import history, pdf, workers
from stormplay.reports.history import Ending
from stormplay.reports.orders import Order, orders, subject_of
from stormplay.reports.publishing import Report
from stormplay.reports.terms import Terms
from stormplay.reports.workers import Identity, Maker

_PARTIAL = "partial.ipynb"  # as stormplay.reports.child names it, which only its own process imports
_log = logging.getLogger("stormplay.reports")
_LEFT = "Nothing was published; the last good report was left as it is."
_PLANNING_S = 120  # that the login lives with which reports are checked


def run(
    notebook: Path,
    given: Mapping[str, object],
    out: Path | str,
    person: str = broker.LOCAL,
    terms: Terms | None = None,
) -> Report:
    """Run one notebook headless and publish what it shows.

    Args:
        notebook: The notebook's path.
        given: Values of its parameters; `interactive` is set to False.
        out: The folder for the report, made if missing; or an address such as s3://bucket/reports.
        person: Whose rights the run has, on a database whose logins this process may mint.
        terms: How it is made.

    Returns:
        The published files, named after the notebook, the tenant and the storm.

    Raises:
        BadInput: An unknown parameter or tenant or storm, or a value of the wrong type. Nothing is written.
        ReportFailed: A cell failed, or took too long; the partial notebook is kept aside.
        StaleData: The data are older than they may be.
        Busy: Another run of the same report is at work.
        DatabaseUnavailable: Nothing answers, however often it was tried.
    """
    terms, rest, known = terms or Terms(), dict(given), parameters.contract(notebook)
    tenants, storms = ([str(rest.pop(name, known[name].default))] for name in subject_of(notebook, known))
    (order,) = planned([notebook], rest, out, person, terms, tenants=tenants, storms=storms)
    return make(order, terms)


def planned(
    notebooks: Sequence[Path],
    given: Mapping[str, object],
    out: Path | str,
    person: str,
    terms: Terms,
    *,
    tenants: Iterable[str] | None = None,
    storms: Iterable[str] | None = None,
    is_open: bool = False,
) -> list[Order]:
    """What is wanted, checked with a login of the person. See `stormplay.reports.orders.orders`."""

    def ask(_: int) -> list[Order]:
        with tenancy.as_person(person, "report", ttl_s=_PLANNING_S):
            return orders(notebooks, given, out, person, tenants=tenants, storms=storms, is_open=is_open)

    return terms.tried(ask)


def make(order: Order, terms: Terms, maker: Maker | None = None) -> Report:
    """Make and publish one report that was checked. See `run`.

    Args:
        order: Which.
        terms: How.
        maker: Where; None: by a warm process on this machine.
    """
    attempt = _Attempt(order, terms, maker or workers.shared(), pdf.chromium() if terms.is_pdf else None)
    if not history.is_kept():
        return attempt.here()
    began_s, status = time.monotonic(), "not made"
    try:
        made = terms.tried(lambda number: attempt.with_login(number, began_s))
        status = "made"
    except StormplayError as error:
        status = f"not made: {logs.plain(error)}"
        raise
    finally:
        about = {"notebook": order.notebook.stem, "tenant": order.tenant_id, "storm": order.storm_id,
                 "run": attempt.run_id, "seconds": round(time.monotonic() - began_s, 3)}  # fmt: skip
        _log.info("a report was %s", status, extra=about)
    return made


@dataclass
class _Attempt:
    """A report in the making; it is tried again where the database was lost."""

    order: Order
    terms: Terms
    maker: Maker
    chromium: str | None
    run_id: str | None = None

    def here(self) -> Report:
        """Make it with the login that this process has: in somebody's kernel."""
        with self.order.out.workshop(self.order.name) as folder:
            url = database.configured_url().set(drivername="postgresql").render_as_string(hide_password=False)
            told = self._made(folder, url)
            self._check_fresh(told)
            return self._published(folder, told, schema=None)[0]

    def with_login(self, number: int, began_s: float) -> Report:
        """Make it with a login of its own, and keep how it went."""
        with history.locked(self.order) as holds, _login(self.order.person, self.terms) as login:
            self.run_id = self.run_id or history.begin(self.order, login.login, self.terms.as_of)
            ending = Ending("failed", 0.0, number)
            try:
                with self.order.out.workshop(self.order.name) as folder:
                    told = self._made(folder, login.url)
                    ending = replace(ending, row_count=told["row_count"], data_as_of=_moment(told["data_as_of"]))
                    self._check_fresh(told)
                    holds()
                    report, about = self._published(folder, told, broker.schema_number())
                ending = replace(ending, status="fresh", versions=about["versions"], files=about["files"])
            except StormplayError as error:
                ending = replace(ending, status=_status(error), error=str(error))
                if isinstance(error, DatabaseUnavailable) and number <= self.terms.retries:
                    raise  # the run goes on, with another try
                raise self._ended(ending, began_s, error) from None
            self._end(ending, began_s)
            return report

    def _ended(self, ending: Ending, began_s: float, error: StormplayError) -> StormplayError:
        with suppress(DatabaseUnavailable):  # then the next run will say that this one was ended from outside
            self._end(ending, began_s)
        return error

    def _end(self, ending: Ending, began_s: float) -> None:
        if self.run_id is not None:
            history.end(self.order, self.run_id, replace(ending, seconds=time.monotonic() - began_s))

    def _made(self, folder: Path, database_url: str) -> dict[str, Any]:
        """What the report's process answers.

        Raises:
            StormplayError: It failed. What there is of the notebook is kept aside.
        """
        order = self.order
        report = {
            "notebook": str(order.notebook.resolve()),
            "values": dict(order.values),
            "folder": str(folder.resolve()),
            "name": order.name,
            "tenant": order.tenant,
            "as_of": self.terms.as_of.isoformat(),
            "chromium": self.chromium,
        }
        more = {clock.VARIABLE: self.terms.as_of.isoformat()} | _places()
        identity = Identity(database_url, order.person, more)
        try:
            told = self.maker.make(report, identity, self.terms.timeout_s)
            if told["failed"]:
                raise _failure(order, told["failed"])
        except ReportFailed as error:
            raise self._kept_aside(folder, error) from None
        return told

    def _kept_aside(self, folder: Path, error: ReportFailed) -> ReportFailed:
        aside = self.order.out.keep_aside(folder / _PARTIAL, self.order.name)
        kept = f"What it did until then is in {aside}; the last good report was left as it is." if aside else ""
        return type(error)(error.what, error.expected, " ".join(part for part in (error.remedy, kept) if part))

    def _check_fresh(self, told: Mapping[str, Any]) -> None:
        most = self.terms.fresh_within_h
        if most is None:
            return
        as_of = _moment(told["data_as_of"])
        if as_of is None:
            raise StaleData(
                f"{self.order.name} does not say how old its data are, as where there are none yet.",
                f"Expected data of the last {most:g} hours.", _LEFT,
            )  # fmt: skip
        if self.terms.as_of - as_of > timedelta(hours=most):
            hours = (self.terms.as_of - as_of).total_seconds() / 3600
            raise StaleData(
                f"The data of {self.order.name} are of {as_of:%d %b %Y, %H:%M} UTC, {hours:,.1f} hours old.",
                f"Expected at most {most:g}.",
                _LEFT,
            )

    def _published(self, folder: Path, told: Mapping[str, Any], schema: int | None) -> tuple[Report, dict[str, Any]]:
        order = self.order
        about = {
            "notebook": order.notebook.stem,
            "tenant": {"slug": order.tenant, "tenant_id": order.tenant_id},
            "storm": {"slug": order.storm, "storm_id": order.storm_id},
            "parameters": dict(order.values),
            "as_of": self.terms.as_of.isoformat(),
            "data_as_of": told["data_as_of"],
            "recorded": told["recorded"],
            "versions": {
                "stormplay": stormplay.__version__,
                "notebook_sha256": hashlib.sha256(order.notebook.read_bytes()).hexdigest(),
                "models": told["models"],
            }
            | ({} if schema is None else {"schema": schema}),
        }
        report, files = order.out.publish(folder, order.name, about, is_alone=schema is not None)
        return report, about | {"files": files}


@contextmanager
def _login(person: str, terms: Terms) -> Iterator[broker.KernelLogin]:
    login = broker.open_kernel(person, ttl_s=terms.login_s, purpose="report")
    try:
        yield login
    finally:
        with suppress(DatabaseUnavailable):  # then it ends by itself
            broker.close_kernel(login.login)


def _places() -> dict[str, str]:
    """Where files beside the database are, which a process with nothing but a login would not know."""
    return {
        name: store.place(name, folder)
        for name, folder in (("STORMPLAY_PICTURES", "pictures"), ("STORMPLAY_MODELS", "models"))
    }


def _failure(order: Order, failed: Mapping[str, Any]) -> StormplayError:
    """What the report's process said, as an error; another try is worth it where the database was lost."""
    if failed["database"]:
        return DatabaseUnavailable(failed["what"], failed["expected"], failed["remedy"])
    what = failed["what"] if failed["what"].startswith(order.notebook.stem) else f"{order.name}: {failed['what']}"
    return ReportFailed(what, failed["expected"], failed["remedy"])


def _status(error: StormplayError) -> str:
    if isinstance(error, StaleData):
        return "stale"
    if isinstance(error, Cancelled):
        return "killed"
    return "timed out" if isinstance(error, ReportTimedOut) else "failed"


def _moment(said: str | None) -> datetime | None:
    return datetime.fromisoformat(said) if said else None
