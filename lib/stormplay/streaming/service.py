"""As whom the stream asks the database: a login of its own, renewed while it lives and minted anew where it has ended.

Only whoever may mint logins can open it (`broker.open_service`). A login that has ended, by its time or by an
administrator, looks like a database that does not answer; so after each such answer the broker is asked whether the
login is still open.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from stormplay import broker, database
from stormplay.errors import DatabaseUnavailable, StormplayError

TTL_S = 3_600
IDLE_MS = 3_000
LONGEST_S = 86_400  # no login lives longer, however often it is renewed
# A process that is stopped in the middle of a batch must not keep its locks from the one that takes over.
_STOPPED = f"-c idle_in_transaction_session_timeout={IDLE_MS}"
_NOT_OPEN = {"28000", "28P01", "42501"}  # what the database says to a login that has ended


class Service:
    """The stream's login; made at the first need, safe for threads.

    Args:
        ttl_s: Seconds for which a login is minted and renewed, at most a day.
    """

    def __init__(self, ttl_s: int = TTL_S) -> None:
        self._ttl_s = ttl_s
        self._lock = threading.Lock()
        self._login: broker.KernelLogin | None = None
        self._until = self._last = datetime.min.replace(tzinfo=UTC)  # until when it is open; can be renewed
        self.minted = 0

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction; commits at the end, rolls back on any exception.

        Raises:
            DatabaseUnavailable: Nothing answers, or the connection or the login has ended. Whether the transaction
                was committed is not known then. The next one has a login that is open.
        """
        try:
            with database.transaction(self.address.update_query_dict({"options": _STOPPED})) as connection:
                yield connection
        except DatabaseUnavailable:
            self._check()
            raise
        except OperationalError as error:
            self._check()
            raise database.unavailable(error.orig) from None
        except DBAPIError as error:
            if error.connection_invalidated or (database.sqlstate(error) in _NOT_OPEN and self._check()):
                raise database.unavailable(error.orig) from None
            raise

    @property
    def address(self) -> URL:
        """Where and as whom: the login that is open now."""
        return make_url(self._opened().url)

    def renew(self) -> None:
        """Give the login more time where half of it has gone; near the end of its day the next one is minted.

        Raises:
            DatabaseUnavailable: Nothing answers.
        """
        login = self._login
        now = datetime.now(UTC)
        if login is None or (self._until - now).total_seconds() > self._ttl_s / 2:
            return
        if now < self._last and login.login in broker.renew([login.login], self._ttl_s):
            self._until = now + timedelta(seconds=self._ttl_s)
        else:
            self._forget(login)  # who is at work with it ends in peace: it has half of its time left

    def close(self) -> None:
        """End the login."""
        if (login := self._login) is not None:
            self._forget(login)
            try:
                broker.close_kernel(login.login)
            except StormplayError:
                return  # it ends by itself when its time is up

    def _check(self) -> bool:
        """Whether the login has ended; then the next transaction mints another."""
        login = self._login
        try:
            if login is None or login.login in broker.renew([login.login], self._ttl_s):
                return False
        except (StormplayError, DBAPIError):
            return False  # nobody can say now
        self._forget(login)
        return True

    def _opened(self) -> broker.KernelLogin:
        with self._lock:
            if self._login is None:
                self._login = broker.open_service("stream", self._ttl_s)
                self._until = self._login.expires_at
                self._last = datetime.now(UTC) + timedelta(seconds=LONGEST_S - 2 * self._ttl_s)
                self.minted += 1
            return self._login

    def _forget(self, login: broker.KernelLogin) -> None:
        with self._lock:
            if self._login is login:
                self._login = None
        address = make_url(login.url)
        for one in (address, address.update_query_dict({"options": _STOPPED})):
            database.engine(one).dispose()
