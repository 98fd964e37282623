"""Why a client of Kafka's was not let in.

kafka-python tries until its time is up and then says only that it could not bootstrap. What a broker said meanwhile,
or what TLS did, it writes to its log, with the error itself as an argument; there it is heard.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

# What the error says or is called -> what that means and what to check; the first that fits.
_MEANINGS = (
    ("AuthenticationFailed", "Its broker refuses the name or the password",
     "SASL_PLAIN_USERNAME and SASL_PLAIN_PASSWORD"),
    ("MechanismUnsupported", "Its broker knows no such mechanism", "SASL_MECHANISM"),
    ("UnsupportedSaslMechanism", "Its broker knows no such mechanism", "SASL_MECHANISM"),
    ("Hostname mismatch", "Its certificate is another host's", "the broker's name in STORMPLAY_KAFKA"),
    ("IP address mismatch", "Its certificate is another host's", "the broker's name in STORMPLAY_KAFKA"),
    ("CERTIFICATE_VERIFY_FAILED", "Its certificate is signed by nobody whom we trust", "SSL_CAFILE"),
    ("Handshake failed", "It does not speak TLS with us", "SECURITY_PROTOCOL"),
    ("ECONNREFUSED", "Nobody listens there", ""),
    ("DNS", "Its name leads nowhere", ""),
    # Also after a wrong password, where the broker's goodbye is read before its answer.
    ("disconnected", "Who listens there hangs up: it may want TLS, another password or another mechanism",
     "SECURITY_PROTOCOL, SASL_MECHANISM and SASL_PLAIN_PASSWORD"),
)  # fmt: skip


class Heard(logging.Handler):
    """The errors that kafka-python logs, each once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._errors: dict[str, None] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Keep what the record is about; its text is not kept."""
        arguments = record.args if isinstance(record.args, tuple) else ()
        for one in arguments:
            if isinstance(one, Exception):
                self._errors.setdefault(repr(one))

    def reason(self) -> tuple[str, str] | None:
        """What it means as a clause, and which settings to check ('' for none); None where nothing was heard.

        A broker that refuses somebody hangs up too, so the order is that of the meanings, not of time. None of the
        error's own words are repeated: they may hold a name.
        """
        for mark, meaning, check in _MEANINGS:
            if any(mark in error for error in self._errors):
                return meaning, check
        return None


@contextmanager
def listening() -> Iterator[Heard]:
    """Hear what kafka-python logs, beside those that hear it anyway."""
    heard, logger = Heard(), logging.getLogger("kafka")
    logger.addHandler(heard)
    try:
        yield heard
    finally:
        logger.removeHandler(heard)
