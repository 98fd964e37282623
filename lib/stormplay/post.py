"""The mail server that `STORMPLAY_SMTP` names, and a message handed to it; its password is never said anywhere.

Reports and alerts share it. What a failure leaves undone is theirs to say: `HandOverFailed` says what the server did.
"""

from __future__ import annotations

import base64
import os
import smtplib
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from email.message import EmailMessage
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from email_validator import EmailNotValidError, validate_email

from stormplay.errors import BadInput, HandOverFailed

VARIABLE = "STORMPLAY_SMTP"
_PORTS = {"smtp": 587, "smtps": 465}
_STARTTLS = ("required", "if-offered")
_EXPECTED = "Expected smtp://user:password@host:587 or smtps://user:password@host:465."
_LONGEST_S = 60.0  # that the server may take for an answer


@dataclass(frozen=True)
class Server:
    """A mail server.

    Attributes:
        host, port: Where it is.
        user, password: How one signs in; '' where one need not.
        is_tls: Whether the line is encrypted from its first byte on.
        needs_starttls: Whether nothing is said on a line that cannot be encrypted.
    """

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    is_tls: bool = False
    needs_starttls: bool = True

    def __str__(self) -> str:
        """Where it is, and nothing else."""
        return f"{self.host}:{self.port}"


def server(environment: Mapping[str, str] | None = None) -> Server:
    """The mail server of the environment.

    Raises:
        BadInput: None is named, or its address cannot be read. The sentence shows no part of it.
    """
    said = (os.environ if environment is None else environment).get(VARIABLE, "")
    if not said:
        raise BadInput(f"{VARIABLE} is not set, so there is no server to give a mail to.", _EXPECTED)
    try:
        parts = urlsplit(said)
        found, starttls = _read(parts), dict(parse_qsl(parts.query, keep_blank_values=True, strict_parsing=False))
    except ValueError:
        found, starttls = None, {}
    how = starttls.pop("starttls", None)
    is_known = how is None or (how in _STARTTLS and found is not None and not found.is_tls)
    if found is None or starttls or not is_known:
        raise BadInput(
            f"{VARIABLE} cannot be read.",
            f"{_EXPECTED} smtp:// may end in ?starttls=required, which goes without saying, or ?starttls=if-offered.",
            "In user and password write what is no letter or digit as %XX: @ is %40, / is %2F, # is %23.",
        )
    if how == "if-offered":
        return Server(found.host, found.port, found.user, found.password, needs_starttls=False)
    return found


def _read(parts: SplitResult) -> Server | None:
    """What an address says, but for its query; None where it says something else."""
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    is_whole = parts.scheme in _PORTS and parts.hostname and parts.path in {"", "/"} and not parts.fragment
    is_plain = (user + password).isascii() and (user + password).isprintable()  # no more can be said to a mail server
    if not is_whole or bool(user) != bool(password) or not is_plain:
        return None
    return Server(parts.hostname or "", parts.port or _PORTS[parts.scheme], user, password, parts.scheme == "smtps")


def checked(address: str) -> str:
    """An address as it is written in a mail.

    Raises:
        BadInput: It is none.
    """
    try:
        return str(
            validate_email(
                address, check_deliverability=False, allow_smtputf8=False, globally_deliverable=False
            ).normalized
        )
    except EmailNotValidError as error:
        raise BadInput(
            f"{address!r} is not an e-mail address: {error}", "Expected one such as ana@example.com."
        ) from None


def one_line(said: str) -> str:
    """Text for a header: one line, without what no person can see."""
    return " ".join("".join(sign if sign.isprintable() else " " for sign in said).split())[:200]


def hand_over(message: EmailMessage, to: Server, *, tries: int = 4, pause_s: float = 5.0) -> None:
    """Give a message to a mail server; again only where the server says that it cannot take it just now (4xx).

    Args:
        message: With From and To; who is in To is who gets it.
        to: The server.
        tries: How often, at most.
        pause_s: Seconds before the second try; doubled each time.

    Raises:
        HandOverFailed: It does not take the message for everybody in To. The sentence names who did not get it;
            `is_final` where the server has refused for good.
    """
    sender, waiting = (_addresses(message, name) for name in ("From", "To"))
    refused: dict[str, str] = {}
    for number in range(tries):
        if number:
            time.sleep(pause_s * 2 ** (number - 1))
        answers = _try(message, to, sender[0], waiting)
        refused = {one: said for one, said in refused.items() if one not in waiting}
        refused |= {one: _said(code, text, to) for one, (code, text) in answers.items()}
        waiting = [one for one, (code, _) in answers.items() if 400 <= code < 500]
        if not waiting:
            break
    if refused:
        told = "; ".join(f"{one}: {said}" for one, said in refused.items())
        raise _failed(f"The mail server {to} did not take the mail for {told}.", is_final=not waiting)


def _try(
    message: EmailMessage, to: Server, sender: str, recipients: Sequence[str]
) -> Mapping[str, tuple[int, bytes | str]]:
    """Each recipient for whom the server does not take the message, with what it answered."""
    is_sending = False
    try:
        with _line(to) as line:
            is_sending = True
            return line.send_message(message, sender, list(recipients))
    except smtplib.SMTPRecipientsRefused as error:
        return error.recipients
    except smtplib.SMTPResponseException as error:
        return dict.fromkeys(recipients, (error.smtp_code, error.smtp_error))
    except smtplib.SMTPNotSupportedError:
        raise _failed(f"The mail server {to} offers no way to sign in, or takes no such address.") from None
    except ssl.SSLCertVerificationError as error:
        raise _failed(f"The certificate of the mail server {to} does not hold: {error.verify_message}.") from None
    except (OSError, smtplib.SMTPException) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        lost = " It is not known whether the mail arrived." if is_sending else ""
        raise _failed(f"The mail server {to} does not answer ({why}).{lost}") from None


@contextmanager
def _line(to: Server) -> Iterator[smtplib.SMTP]:
    """A line to the server, encrypted and signed in."""
    context = ssl.create_default_context()
    if to.is_tls:
        line: smtplib.SMTP = smtplib.SMTP_SSL(to.host, to.port, timeout=_LONGEST_S, context=context)
    else:
        line = smtplib.SMTP(to.host, to.port, timeout=_LONGEST_S)
    try:
        line.ehlo_or_helo_if_needed()
        is_encrypted = to.is_tls
        if not is_encrypted and line.has_extn("starttls"):
            line.starttls(context=context)
            line.ehlo()
            is_encrypted = True
        if not is_encrypted and (to.needs_starttls or to.user):
            why = "it would be sent where others can read it" if to.needs_starttls else "its password would be read"
            raise _failed(f"The mail server {to} offers no encryption, and {why}; nothing was sent.")
        if to.user:
            line.login(to.user, to.password)
        yield line
    finally:
        with suppress(OSError, smtplib.SMTPException):  # a mail that was taken is taken, however one parts
            line.quit()
        line.close()


def _addresses(message: EmailMessage, name: str) -> list[str]:
    return [address.addr_spec for address in message[name].addresses]


def _said(code: int, text: bytes | str, to: Server) -> str:
    """What a server answered, on one line, without what it was told in confidence."""
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    blob = base64.b64encode(f"\0{to.user}\0{to.password}".encode()).decode()
    halves = [base64.b64encode(part.encode()).decode() for part in (to.user, to.password)]
    for secret in (blob, *halves, to.password) if to.user else ():
        plain = plain.replace(secret, "...")
    return f"{code} {' '.join(plain.split())[:200]}".strip()


def _failed(what: str, *, is_final: bool = False) -> HandOverFailed:
    made = HandOverFailed(what)
    made.is_final = is_final
    return made
