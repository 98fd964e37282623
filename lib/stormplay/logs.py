"""What the product's processes write down: one JSON object a line, or words where somebody looks at a terminal.

Every module logs by the standard library; here its records get their shape. A line carries the id of its request and
the id (a uuid) of whoever is behind it. It never carries a name, an address, an e-mail, a telephone number, a query
string or a password: fields come from a list, an exception is told by its kind and its place without its text, which
may quote a row, and what still looks like one of those is taken out.

    STORMPLAY_LOG_FORMAT   json or text; unset: text on a terminal, else json
    STORMPLAY_LOG_LEVEL    debug, info, warning or error; unset: info, on a terminal warning
    STORMPLAY_LOGS         a folder for files of JSON lines, 0600, turned at 10 MB
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import TracebackType
from typing import IO, Any

import structlog
from structlog.contextvars import bind_contextvars, bound_contextvars

from stormplay.errors import (
    BadInput,
    BrokerUnavailable,
    Busy,
    DatabaseUnavailable,
    Fenced,
    HistoryUnavailable,
    MigrationChanged,
    PortTaken,
    StaleData,
)

# What a line may carry beside its sentence. Anything else that is handed over is dropped.
FIELDS = ("address", "count", "kernel", "method", "notebook", "path", "reference", "run", "seconds", "status", "storm",
          "tenant", "worker")  # fmt: skip
FILE_BYTES, FILES_KEPT = 10_000_000, 5
LEVELS = ("debug", "info", "warning", "error")
DOORS = "stormplay.server.doors"

_SUFFIX = ".jsonl"
_NOISY = ("kafka", "asyncio", "urllib3", "splink", "numba", "matplotlib", "papermill", "botocore")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_PERSONAL = (
    (re.compile(r"://[^\s/@]*:\S*@"), "://[login]@"),
    (re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+"), "[e-mail]"),
    (re.compile(r"(?<![\w.-])(?:\+?1[ .-]?)?\(?\d{3}\)?[ .-]\d{3}[ .-]\d{4}(?![\w-])"), "[telephone]"),
    (re.compile(r"\?[^\s?\"']*=[^\s\"']*"), "?[query]"),
    (re.compile(r"(?i)\b(password|passwd|secret|token)\s*[=:]\s*\S+"), r"\1=[secret]"),
)
_IPYTHON_FRAME = re.compile(r"File (\S+?\.py):(\d+)(?:, in ([\w.<>]+))?|Cell In\s?\[\d+\], line (\d+)")
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
# Whose sentences we have made of our own words and numbers alone.
_OWN = (
    BrokerUnavailable,
    Busy,
    DatabaseUnavailable,
    Fenced,
    HistoryUnavailable,
    MigrationChanged,
    PortTaken,
    StaleData,
)
Event = MutableMapping[str, Any]
_handlers: list[logging.Handler] = []  # ours; whoever embeds us keeps theirs
_given: dict[str, Any] = {}  # with what this process was configured, for those that are forked from it


class Quietly(RotatingFileHandler):
    """A file that its owner alone may read."""

    def _open(self) -> IO[str]:  # type: ignore[override]
        return os.fdopen(os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", 1, "utf-8")


def configure(service: str, *, folder: Path | None = None, name: str = "", is_shown: bool = True) -> None:
    """Let this process write its log; called once, by whoever starts it.

    Args:
        service: What it is, such as `server`; stands on each line.
        folder: For files of JSON lines, where STORMPLAY_LOGS names none; None: standard error alone.
        name: Of the file; default the service's.
        is_shown: Whether standard error has it too; not for a command that says there what its user has to know.

    Raises:
        BadInput: One of the variables holds a word that is none of those expected.
    """
    is_text = _chosen("STORMPLAY_LOG_FORMAT", ("json", "text"), "text" if sys.stderr.isatty() else "json") == "text"
    level = _chosen("STORMPLAY_LOG_LEVEL", LEVELS, "").upper()
    shown = logging.StreamHandler()
    shown.setFormatter(_formatter(service, is_text=is_text))
    shown.setLevel(level or (logging.WARNING if is_text else logging.INFO))
    shown.addFilter(_is_news)
    handlers: list[logging.Handler] = [shown] if is_shown else []
    if is_shown and is_text and not level:
        handlers.append(_doorkeeper(service))
    if named := os.environ.get("STORMPLAY_LOGS") or folder:
        handlers += _in_files(service, Path(named), name or service, level or "INFO")
    root = logging.getLogger()
    while _handlers:
        root.removeHandler(old := _handlers.pop())
        old.close()
    _handlers.extend(handlers)
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level or logging.INFO)
    for noisy in _NOISY:
        logging.getLogger(noisy).setLevel(logging.WARNING)
    _given.update(service=service, folder=folder, is_shown=is_shown)


def configure_fork(name: str) -> None:
    """Let a process that was forked from a configured one write a file of its own: two may not turn the same."""
    if _given:
        configure(**_given, name=name)


def bind(**fields: str) -> None:
    """Let what this request does from now on carry `request` or `person`, its ids."""
    bind_contextvars(**fields)


@contextmanager
def bound(**fields: str) -> Iterator[None]:
    """The same, for a block."""
    with bound_contextvars(**fields):
        yield


def plain(error: BaseException) -> str:
    """An error as a log may tell it: our own sentence where it cannot quote what somebody typed, else its kind."""
    if isinstance(error, _OWN):
        return str(error)
    state = getattr(getattr(error, "orig", error), "pgcode", None)
    return type(error).__name__ + (f" {state}" if state else "")


def told(error: BaseException | None, trace: TracebackType | None) -> str:
    """An exception by where it came from and its kind, without its text and without source."""
    frames = [f"{_short(frame.filename)}:{frame.lineno} in {frame.name}" for frame in traceback.extract_tb(trace)]
    kinds = []
    while error is not None:
        kinds.append(plain(error))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return f"Traceback: {' > '.join(frames)}: {', from '.join(kinds)}"


def frames_of(text: str) -> str:
    """The places in a traceback that a kernel has printed, without its text and without source.

    >>> frames_of("File /x/lib/stormplay/routes.py:12, in get(self)")
    'stormplay/routes.py:12 in get'
    """
    return " > ".join(
        f"cell line {cell}" if cell else f"{_short(path)}:{line}" + (f" in {name}" if name else "")
        for path, line, name, cell in _IPYTHON_FRAME.findall(_ANSI.sub("", text))
    )


def scrubbed(text: str) -> str:
    """A text on one line, without what looks like a login, an e-mail, a telephone number or a query.

    >>> scrubbed("GET /x?tenant=lone-star by ana@example.org")
    'GET /x?[query] by [e-mail]'
    """
    text = _CONTROL.sub(" ", _ANSI.sub("", text))
    for pattern, instead in _PERSONAL:
        text = pattern.sub(instead, text)
    return text


def _short(path: str) -> str:
    return "/".join(Path(path).parts[-2:])


def _chosen(variable: str, words: tuple[str, ...], otherwise: str) -> str:
    given = os.environ.get(variable, "").lower() or otherwise
    if given not in (*words, otherwise):
        raise BadInput(f"{variable} is '{given}'.", f"Expected {', '.join(words[:-1])} or {words[-1]}.")
    return given


def _in_files(service: str, folder: Path, name: str, level: str) -> list[logging.Handler]:
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Quietly(folder / f"{name}{_SUFFIX}", maxBytes=FILE_BYTES, backupCount=FILES_KEPT)
    except OSError as error:
        sys.stderr.write(f"No log is kept in {folder}: {error.strerror or error}. Make it writable, or change "
                         "STORMPLAY_LOGS.\n")  # fmt: skip
        return []
    made.setFormatter(_formatter(service, is_text=False))
    made.setLevel(level)
    made.addFilter(_is_news)
    return [made]


def _doorkeeper(service: str) -> logging.Handler:
    """Who comes and goes is said on a terminal too, though it is no warning."""
    made = logging.StreamHandler()
    made.setFormatter(_formatter(service, is_text=True))
    made.addFilter(lambda record: record.name == DOORS and record.levelno < logging.WARNING)
    return made


def _formatter(service: str, *, is_text: bool) -> structlog.stdlib.ProcessorFormatter:
    def of_service(_: Any, __: str, event: Event) -> Event:
        return {"at": event.pop("timestamp"), "level": event.pop("level"), "service": service, **event}

    dumped = structlog.processors.JSONRenderer(serializer=lambda event, **_: json.dumps(event, default=str))
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[
            structlog.contextvars.merge_contextvars,
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            structlog.stdlib.ExtraAdder(allow=FIELDS),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
        ],
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            _without_text,
            of_service,
            _without_persons,
            _in_words if is_text else dumped,
        ],
    )


def _without_text(_: Any, __: str, event: Event) -> Event:
    given = event.pop("exc_info", None)
    event.pop("stack_info", None)
    if given:
        found = sys.exc_info() if given is True else given
        kind, error, trace = (type(found), found, found.__traceback__) if isinstance(found, BaseException) else found
        if kind is not None:
            event["exception"] = told(error, trace)
    return event


def _without_persons(_: Any, __: str, event: Event) -> Event:
    return {name: scrubbed(value) if isinstance(value, str) and name != "at" else value
            for name, value in event.items()}  # fmt: skip


def _in_words(_: Any, __: str, event: Event) -> str:
    head = [str(event.pop(name, "")) for name in ("at", "level", "service", "event")]
    event.pop("logger", None)
    return " ".join([head[0][:19].replace("T", " "), f"{head[1]:7}", f"{head[2]}:", head[3],
                     *(f"{name}={value}" for name, value in event.items())])  # fmt: skip


def _is_news(record: logging.LogRecord) -> bool:
    """All but one: Jupyter counts its pings in milliseconds, Tornado takes them for seconds and warns at each start."""
    return "websocket_ping_timeout" not in record.getMessage()
