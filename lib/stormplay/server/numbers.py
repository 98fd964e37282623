"""The number of a request: on each of its lines in the log, in its answer's header, and on a page that says sorry."""

from __future__ import annotations

import re
import secrets
from typing import Any

from tornado.httputil import HTTPServerRequest

HEADER = "X-Request-ID"
_GIVEN = re.compile(r"[A-Za-z0-9-]{8,64}")


def number_of(request: HTTPServerRequest, proxy: Any = None) -> str:
    """The request's number: what a trusted proxy has given it, else twelve random digits.

    Args:
        request: Which; it keeps its number.
        proxy: The proxies that are believed.
    """
    if (number := getattr(request, "number", None)) is None:
        told = request.headers.get_list(HEADER)
        is_told = proxy is not None and proxy.is_trusted(request) and len(told) == 1 and _GIVEN.fullmatch(told[0])
        number = told[0] if is_told else secrets.token_hex(6)
        request.number = number
    return str(number)
