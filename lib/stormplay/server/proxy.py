"""What a proxy before us may tell: the visitor's address, the scheme, and, if it is set up so, who the visitor is.

It is believed from the addresses that are configured and from nowhere else: a header is what anybody can send.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import SplitResult, urlsplit

from tornado.httputil import HTTPServerRequest

from stormplay.errors import BadInput, NotAllowed

USERNAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Proxy:
    """The proxies that are trusted.

    Args:
        trusted: Addresses and networks, such as `127.0.0.1` or `10.0.0.0/8`.
        user_header: The header that names the person; '' for none: people sign in here.

    Raises:
        BadInput: One of them is no address or network, all of the internet, or the header has no name's shape.
    """

    def __init__(self, trusted: Iterable[str] = (), user_header: str = "") -> None:
        self._trusted = [_network(one) for one in trusted]
        if user_header and not re.fullmatch(r"[A-Za-z][A-Za-z0-9-]{0,60}", user_header):
            raise BadInput(f"'{user_header}' is not a header's name.", "Expected one such as X-Forwarded-User.")
        if user_header and not self._trusted:
            raise BadInput(
                "A header that names people needs a proxy that may send it.",
                remedy="Add --trusted-proxy with the proxy's address; nobody else's header is believed.",
            )
        self.user_header = user_header

    @property
    def names_people(self) -> bool:
        """Whether the proxy says who a visitor is."""
        return bool(self.user_header)

    def is_trusted(self, request: HTTPServerRequest) -> bool:
        """Whether a request comes from a trusted proxy, by the address of its socket."""
        return self._has(str(request.remote_ip or ""))

    def address(self, request: HTTPServerRequest) -> str:
        """The visitor's address: the last one in X-Forwarded-For that is not a proxy of ours, else the socket's."""
        peer = str(request.remote_ip or "")
        if not self._has(peer):
            return peer
        told = ",".join(request.headers.get_list("X-Forwarded-For")).split(",")
        for one in reversed([each.strip() for each in told if each.strip()]):
            if not _is_address(one):
                return peer  # a proxy that tells nonsense tells nothing
            if not self._has(one):
                return one
        return peer

    def is_https(self, request: HTTPServerRequest) -> bool:
        """Whether the visitor's browser speaks TLS with the proxy."""
        told = [each.strip().lower() for each in request.headers.get_list("X-Forwarded-Proto")]
        return self.is_trusted(request) and told == ["https"]

    def username(self, request: HTTPServerRequest) -> str:
        """The user name that the proxy gives; '' where it gives none.

        Raises:
            NotAllowed: It gives several, or none that an account can have. Nothing is made of it: a name that was
                repaired would be a guess at a person.
        """
        if not (self.names_people and self.is_trusted(request)):
            return ""
        told = request.headers.get_list(self.user_header)
        if told and not (len(told) == 1 and USERNAME.fullmatch(told[0])):
            raise NotAllowed(
                "The page where you sign in gave no user name that an account here can have.",
                remedy="Tell your administrator: it has to be one name, in lower case, without blanks.",
            )
        return told[0] if told else ""

    def is_forged(self, request: HTTPServerRequest) -> bool:
        """Whether somebody who is no proxy of ours sends the header that names people."""
        return self.names_people and self.user_header in request.headers and not self.is_trusted(request)

    def _has(self, address: str) -> bool:
        if not self._trusted or not _is_address(address):
            return False
        found = ipaddress.ip_address(address)
        found = getattr(found, "ipv4_mapped", None) or found
        return any(found in network for network in self._trusted)


def check_public_url(public_url: str) -> None:
    """Refuse an address that no browser could use.

    Raises:
        BadInput: It is not one.
    """
    parts = _parts(public_url)
    if public_url and not (parts.scheme in ("http", "https") and parts.hostname and parts.path in ("", "/")):
        raise BadInput(f"'{public_url}' is not a public address.", "Expected one such as https://play.example.org/.")


def check_logout_url(logout_url: str) -> None:
    """Refuse a place to go to after signing out that is none.

    Raises:
        BadInput: It is neither an address nor a path.
    """
    parts = _parts(logout_url)
    is_address = parts.scheme in ("http", "https") and bool(parts.hostname)
    is_path = not parts.scheme and not parts.netloc and parts.path.startswith("/")
    if logout_url and (re.search(r"[\s;,\\]", logout_url) or not (is_address or is_path)):
        raise BadInput(
            f"'{logout_url}' is no place to go to after signing out.", "Expected one such as /oauth2/sign_out."
        )


def _parts(url: str) -> SplitResult:
    try:
        return urlsplit(url)
    except ValueError:
        return SplitResult("", "", "", "", "")


def _network(text: str) -> Network:
    try:
        found = ipaddress.ip_network(text.strip(), strict=False)
    except ValueError:
        raise BadInput(
            f"'{text}' is not an address or a network.", "Expected one such as 127.0.0.1 or 10.0.0.0/8."
        ) from None
    if found.prefixlen == 0:
        raise BadInput(f"'{text}' is everybody.", "Expected the address of your proxy alone.")
    return found


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
