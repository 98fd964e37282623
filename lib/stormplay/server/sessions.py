"""Who is signed in, kept on the server: the end of a session makes every copy of its cookie worthless."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

from stormplay.broker import Person

LIFETIME_S = 12 * 3600.0
IDLE_S = 2 * 3600.0
MOST_PER_PERSON = 100


@dataclass
class _Session:
    person: Person
    began_s: float
    seen_s: float


class Sessions:
    """Session key -> person, for a limited time.

    A person has so many at once; the oldest ends for a new one. So nobody's can push out another's.

    Args:
        lifetime_s: Seconds after which a session ends by itself.
        idle_s: Seconds without anything from its browser after which it ends, too.
        clock: Seconds that only grow; for tests.
    """

    def __init__(
        self, lifetime_s: float = LIFETIME_S, idle_s: float = IDLE_S, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lifetime_s, self._idle_s, self._clock = lifetime_s, idle_s, clock
        self._open: dict[str, _Session] = {}

    def open(self, person: Person) -> str:
        """Begin a session. Returns its key, 256 random bits."""
        key, now_s = secrets.token_urlsafe(32), self._clock()
        for old in [key for key in self._open if self.find(key) is None]:
            del self._open[old]
        for old in self.of(person.username)[: 1 - MOST_PER_PERSON]:
            del self._open[old]
        self._open[key] = _Session(person, now_s, now_s)
        return key

    def find(self, key: str) -> Person | None:
        """The person of a session; None where there is none or its time is up."""
        session, now_s = self._open.get(key), self._clock()
        if session is None or now_s - session.began_s >= self._lifetime_s or now_s - session.seen_s >= self._idle_s:
            return None
        return session.person

    def touch(self, key: str) -> None:
        """Something came from its browser just now. A session that has ended stays ended."""
        if self.find(key) is not None:
            self._open[key].seen_s = self._clock()

    def close(self, key: str) -> None:
        """End a session. Harmless where there is none."""
        self._open.pop(key, None)

    def of(self, username: str) -> list[str]:
        """The keys of a person's sessions, the oldest first."""
        return [key for key, session in self._open.items() if session.person.username == username]
