"""A visit: one page in one browser, with what hangs on it."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from stormplay.broker import KernelLogin
from stormplay.server.run import Run
from stormplay.server.timing import Timing


@dataclass
class Visit:
    """One page in one browser.

    Attributes:
        session: Key of the session that it belongs to.
        username: Whose it is.
        login: Its database login.
        run: Its notebook's run.
        until_s: Monotonic seconds at which its login ends, unless it is renewed.
        opened_s, left_s: Monotonic seconds: when it was opened; when the last connection left, None while there is one.
        sockets: What to close when it ends.
        timing: How long it took to be drawn; None where nobody asks.
        work: The query of its page while it is at work, or has ended that unseen; None: it is not.
        is_leaving: Whether its page has said farewell while at work.
        promised_until_s: Monotonic seconds until which the page that was given it back may connect.
        standing: What its person might see before it was opened; '' where nothing of it is to be kept.
        why: One word for the page, once it has ended.
    """

    session: str
    username: str
    login: KernelLogin
    run: Run
    until_s: float
    opened_s: float = field(default_factory=time.monotonic)
    left_s: float | None = field(default_factory=time.monotonic)
    was_seen: bool = False
    sockets: set[Any] = field(default_factory=set)
    timing: Timing | None = None
    standing: str = ""
    work: str | None = None
    is_leaving: bool = False
    promised_until_s: float = 0.0
    why: str = "closed"
