"""One JSON message to an address that a company has named, and to no other place.

A company's admin names the address and this machine asks it, so it could be led into the network behind the server. So
an address is https, its host's own addresses are public ones, the line goes to the very address that was looked at, and
nobody is followed elsewhere. `STORMPLAY_ALERT_HOSTS` names hosts (host or host:port, with commas) of one's own network
that may be told all the same, also without encryption.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import os
import socket
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from stormplay.errors import BadInput, HandOverFailed

VARIABLE = "STORMPLAY_ALERT_HOSTS"
_LONGEST_S = 10.0
_MOST_SAID = 2_000  # bytes of an answer that are read
_AGAIN = {408, 425, 429}  # refusals of the moment


def check(address: str) -> SplitResult:
    """An address that may be told something, in its parts; its host is not looked up yet.

    Raises:
        BadInput: It may not. The sentence shows its host alone: the rest may be a key.
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _refused("the address", "it cannot be read") from None
    plain = address.isascii() and address.isprintable() and " " not in address
    if not plain or parts.scheme not in ("http", "https") or not host or parts.username or parts.password:
        raise _refused(host or "the address", "it is no web address, or holds a password")
    if parts.scheme != "https" and not _is_own(host, port):
        raise _refused(host, "it is not encrypted")
    return parts


def tell(address: str, message: Mapping[str, Any], key: str) -> None:
    """Hand a message over.

    Args:
        address: Where.
        message: What, as JSON.
        key: The same for the same message, so that who gets it twice can know.

    Raises:
        HandOverFailed: It was not taken; `is_final` where another try is in vain.
    """
    try:
        parts = check(address)
    except BadInput as error:
        raise _failed(str(error), is_final=True) from None
    host = parts.hostname or ""
    body = json.dumps(message, ensure_ascii=False).encode()
    headers = {"Content-Type": "application/json", "User-Agent": "Stormplay", "Idempotency-Key": key}
    line = _line(parts, _place(host, parts.port or (443 if parts.scheme == "https" else 80)))
    try:
        line.request("POST", f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", body, headers)
        answer = line.getresponse()
        said = answer.read(_MOST_SAID).decode("utf-8", "replace")
    except ssl.SSLCertVerificationError as error:
        raise _failed(f"The certificate of {host} does not hold: {error.verify_message}.") from None
    except (OSError, http.client.HTTPException) as error:
        raise _failed(f"{host} does not answer ({getattr(error, 'strerror', None) or type(error).__name__}).") from None
    finally:
        line.close()
    if not 200 <= answer.status < 300:
        is_final = answer.status < 500 and answer.status not in _AGAIN
        told = " ".join(said.split())[:120]
        raise _failed(f"{host} answered {answer.status}{f': {told}' if told else ''}.", is_final=is_final)


def _place(host: str, port: int) -> tuple[str, int]:
    """The address behind a name, looked at before anything goes there.

    Raises:
        HandOverFailed: There is none, or it is not public.
    """
    try:
        found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    except OSError:
        raise _failed(f"There is no address of {host}.") from None
    if not _is_own(host, port) and not all(is_public(one) for one in found):
        raise _failed(f"{host} is in a network that is not public.", is_final=True)
    return found[0], port


def is_public(address: str) -> bool:
    """Whether an IP address is one of the open internet."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    seen = mapped if mapped is not None else found
    return seen.is_global and not seen.is_multicast


def _line(parts: SplitResult, place: tuple[str, int]) -> http.client.HTTPConnection:
    """A line to a place, under the name that it was asked for by."""
    host = parts.hostname or ""
    if parts.scheme == "http":
        return _Placed(host, place)
    return _PlacedTls(host, place)


class _Placed(http.client.HTTPConnection):
    def __init__(self, host: str, place: tuple[str, int]) -> None:
        super().__init__(host, place[1], timeout=_LONGEST_S)
        self._place = place

    def connect(self) -> None:
        """Go where was looked, and not where the name leads by now."""
        self.sock = socket.create_connection(self._place, _LONGEST_S)


class _PlacedTls(_Placed):
    default_port = 443

    def connect(self) -> None:
        """Likewise, encrypted, the certificate checked against the name."""
        super().connect()
        self.sock = ssl.create_default_context().wrap_socket(self.sock, server_hostname=self.host)


def _is_own(host: str, port: int | None) -> bool:
    named = {one.strip().lower() for one in os.environ.get(VARIABLE, "").split(",")} - {""}
    return host.lower() in named or f"{host.lower()}:{port}" in named


def _refused(host: str, why: str) -> BadInput:
    return BadInput(
        f"Alerts cannot be told to {host}: {why}.",
        "Expected an https address that takes a JSON message.",
        f"Hosts of one's own network are named in {VARIABLE}, by the server's administrator.",
    )


def _failed(what: str, *, is_final: bool = False) -> HandOverFailed:
    made = HandOverFailed(what)
    made.is_final = is_final
    return made
