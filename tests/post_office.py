"""A mail server of this machine, encrypted or not, that keeps what it takes and refuses what it is told to."""

from __future__ import annotations

import datetime
import email
import ipaddress
import socket
import ssl
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.policy import default

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USER, PASSWORD = "reports", "s3cret/@:?#"
QUOTED = "s3cret%2F%40%3A%3F%23"


@dataclass
class Office:
    """Keeps the envelopes that it took.

    Attributes:
        taken: Recipients and message of each.
        rcpt, data: What it answers instead of 250, the next one first.
        refused: What it always answers to a recipient.
        tried: How often somebody named a recipient.
    """

    taken: list = field(default_factory=list)
    rcpt: list = field(default_factory=list)
    data: list = field(default_factory=list)
    refused: dict = field(default_factory=dict)
    tried: list = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, server, session, envelope, address, options):  # noqa: N802
        self.tried.append(address)
        if address in self.refused:
            return self.refused[address]
        if self.rcpt:
            return self.rcpt.pop(0)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):  # noqa: N802
        if self.data:
            return self.data.pop(0)
        message = email.message_from_bytes(envelope.content, policy=default)
        self.taken.append((list(envelope.rcpt_tos), message, session.ssl is not None, session.authenticated))
        return "250 taken"


class Implicit(Controller):
    """Encrypted from the first byte on."""


def authenticator(server, session, envelope, mechanism, data):
    is_right = (data.login, data.password) == (USER.encode(), PASSWORD.encode())
    return AuthResult(success=is_right, handled=is_right, auth_data=USER)


@contextmanager
def open_office(certificate=None, *, implicit=False, with_password=True):
    """An office on a free port of 127.0.0.1."""
    office = Office()
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    if implicit:
        more = {"ssl_context": context, "auth_require_tls": False}
    else:
        more = {"tls_context": context, "require_starttls": context is not None, "auth_require_tls": True}
    if with_password:
        more |= {"authenticator": authenticator, "auth_required": certificate is not None}
    controller = Controller(office, hostname="127.0.0.1", port=free_port(), **more)
    controller.start()
    office.port = controller.port
    try:
        yield office
    finally:
        controller.stop()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def certificate(folder, name="127.0.0.1"):
    """A certificate for an address of this machine that vouches for itself. Returns its file, with the key."""
    key = ec.generate_private_key(ec.SECP256R1())
    who = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(name))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = folder / f"{name}.pem"
    path.write_bytes(pem + made.public_bytes(serialization.Encoding.PEM))
    return path
