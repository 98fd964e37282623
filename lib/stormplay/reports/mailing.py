"""Reports by mail: the key figures in the letter, the page or its PDF attached, handed over to a mail server.

`STORMPLAY_SMTP_URL` names the server: `smtps://user:password@mail.example.org` speaks TLS from the first byte,
`smtp://...` asks for it (STARTTLS) and goes no further without. A server on this very machine may do without.
"""

from __future__ import annotations

import hashlib
import html
import json
import os
import smtplib
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from ipaddress import ip_address
from typing import Any
from urllib.parse import SplitResult, unquote, urlsplit

from stormplay import clock
from stormplay.errors import BadInput, HandOverFailed
from stormplay.reports.publishing import Report

VARIABLE, SENDER = "STORMPLAY_SMTP_URL", "STORMPLAY_MAIL_FROM"
_PORTS = {"smtp": 587, "smtps": 465}
_PATIENCE_S = 30.0


@dataclass(frozen=True)
class Post:
    """Where letters are handed over, from whom and to whom.

    Attributes:
        server: The server's address.
        sender: Whom answers go to.
        recipients: One address or more; each sees the others.
    """

    server: SplitResult
    sender: str
    recipients: tuple[str, ...]

    def take(self, report: Report) -> None:
        """Hand a report over.

        Raises:
            HandOverFailed: The server does not answer, does not speak TLS, or refuses somebody.
        """
        try:
            with _connected(self.server) as server:
                if self.server.username:
                    server.login(unquote(self.server.username), unquote(self.server.password or ""))
                refused = server.send_message(letter(report, self))
        except (OSError, smtplib.SMTPException) as error:
            raise HandOverFailed(
                f"The report {report.html.stem} is published, and was not mailed: {_said(error)}.",
                remedy=f"Check {VARIABLE}; nothing else has to be made again.",
            ) from None
        if refused:
            raise HandOverFailed(
                f"The mail server took the report {report.html.stem}, but not for {', '.join(refused)}."
            )


def post(recipients: Sequence[str]) -> Post:
    """The post that the environment describes, to these people.

    Raises:
        BadInput: No server or sender is configured, or an address is none. No password is repeated.
    """
    server = urlsplit(os.environ.get(VARIABLE, ""))
    if server.scheme not in _PORTS or not server.hostname:
        raise BadInput(
            f"{VARIABLE} names no mail server.", "Expected smtps://user:password@host or smtp://host:587.",
            "Set it, or leave --mail-to out.",
        )  # fmt: skip
    sender = os.environ.get(SENDER, "")
    return Post(server, _address(sender, f"{SENDER} is"), tuple(_address(each, "--mail-to is") for each in recipients))


def _address(text: str, whose: str) -> str:
    try:
        found = Address(addr_spec=text)
    except (ValueError, IndexError):
        found = Address()
    if not (found.username and found.domain):
        raise BadInput(f"{whose} '{text}', which is no address.", "Expected one like reports@example.org.")
    return str(found)


def letter(report: Report, to: Post) -> EmailMessage:
    """A report as a letter: its key figures as text and as a table, and the PDF, or else the page, attached.

    The same report is the same letter, by its Message-ID: a mail server may drop the second one.
    """
    told = json.loads(report.result.read_text(encoding="utf-8"))
    made = EmailMessage()
    made["Subject"] = f"{_title(told)}: {told['tenant']['slug']}, storm {told['storm']['slug']}"
    made["From"], made["To"] = to.sender, ", ".join(to.recipients)
    made["Date"] = format_datetime(clock.now())
    digest = hashlib.sha256(report.result.read_bytes() + made["To"].encode()).hexdigest()[:40]
    made["Message-ID"] = f"<{digest}@{to.sender.rpartition('@')[2]}>"
    made["Auto-Submitted"] = "auto-generated"
    made.set_content(_plain(told))
    made.add_alternative(_page(told), subtype="html")
    attached = report.pdf or report.html
    kind: dict[str, Any] = {"maintype": "application", "subtype": "pdf"}
    if attached is report.html:
        kind = {"maintype": "text", "subtype": "html", "params": {"charset": "utf-8"}}
    made.add_attachment(attached.read_bytes(), filename=attached.name, **kind)
    return made


def _connected(server: SplitResult) -> smtplib.SMTP:
    host, port = str(server.hostname), server.port or _PORTS[server.scheme]
    if server.scheme == "smtps":
        return smtplib.SMTP_SSL(host, port, timeout=_PATIENCE_S, context=ssl.create_default_context())
    plain = smtplib.SMTP(host, port, timeout=_PATIENCE_S)
    plain.ehlo()
    if plain.has_extn("starttls") or not _is_here(host):
        plain.starttls(context=ssl.create_default_context())
    return plain


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _said(error: OSError | smtplib.SMTPException) -> str:
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return f"the server refused {', '.join(error.recipients)}"
    if isinstance(error, smtplib.SMTPResponseException):
        text = error.smtp_error.decode(errors="replace") if isinstance(error.smtp_error, bytes) else error.smtp_error
        return f"the server said {error.smtp_code} {text}"
    return str(error).rstrip(".") or type(error).__name__


def _title(told: Mapping[str, Any]) -> str:
    return str(told["notebook"]).replace("_", " ").capitalize()


def _figures(told: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name.replace("_", " "), f"{value:,}" if type(value) in (int, float) else str(value))
            for name, value in told["recorded"].items()]  # fmt: skip


def _age(told: Mapping[str, Any]) -> str:
    return f"Data as of {told['data_as_of'][:16].replace('T', ' ')} UTC." if told["data_as_of"] else ""


def _plain(told: Mapping[str, Any]) -> str:
    rows = _figures(told)
    width = max((len(name) for name, _ in rows), default=0)
    lines = [f"{name.ljust(width)}  {value}" for name, value in rows]
    return "\n".join([f"{_title(told)}, {told['tenant']['slug']}, storm {told['storm']['slug']}", "", *lines, "",
                      f"{_age(told)} The whole report is attached.", ""])  # fmt: skip


def _page(told: Mapping[str, Any]) -> str:
    cell = "padding:4px 12px 4px 0;border-bottom:1px solid #ddd"
    rows = "".join(
        f'<tr><td style="{cell}">{html.escape(name)}</td>'
        f'<td style="{cell};text-align:right">{html.escape(value)}</td></tr>'
        for name, value in _figures(told)
    )
    about = html.escape(f"{told['tenant']['slug']}, storm {told['storm']['slug']}")
    return (
        '<!doctype html><html lang="en"><body style="font-family:sans-serif;font-size:15px;color:#16202e">'
        f"<h2>{html.escape(_title(told))}</h2><p>{about}</p>"
        f'<table style="border-collapse:collapse">{rows}</table>'
        f"<p>{html.escape(_age(told))} The whole report is attached.</p></body></html>"
    )
