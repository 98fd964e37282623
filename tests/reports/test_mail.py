"""Reports by mail, handed to a real mail server: over TLS, key figures in the letter, the paper attached."""

from __future__ import annotations

import email
import email.policy
import socket
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from command import in_process
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from small import AGED, RECORDED, SUBJECT, notebook

from stormplay import reports
from stormplay.errors import BadInput, HandOverFailed


class Box:
    """What a mail server took."""

    def __init__(self):
        self.letters, self.signed_in, self.refuses = [], [], ()

    async def handle_RCPT(self, _server, _session, envelope, address, _options):  # noqa: N802 - aiosmtpd's name
        if address in self.refuses:
            return "550 nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, session, envelope):  # noqa: N802
        assert session.ssl is not None, "never in the clear"
        self.letters.append(email.message_from_bytes(envelope.content, policy=email.policy.default))
        return "250 taken"

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        self.signed_in.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss/word", handled=False)  # it says so itself


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "mail")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
        .add_extension(here, critical=False).sign(key, hashes.SHA256())
    )  # fmt: skip
    (folder / "crt").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key").write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                                                   serialization.NoEncryption()))  # fmt: skip
    return folder / "crt", folder / "key"


@pytest.fixture
def box(certificate, monkeypatch):
    """A mail server that wants TLS and a password, and its box."""
    taken, context = Box(), ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    server = Controller(taken, hostname="127.0.0.1", port=port, tls_context=context, require_starttls=True,
                        authenticator=taken.authenticate, auth_required=True)  # fmt: skip
    server.start()
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    monkeypatch.setenv("STORMPLAY_SMTP_URL", f"smtp://robot:p%40ss%2Fword@127.0.0.1:{port}")
    monkeypatch.setenv("STORMPLAY_MAIL_FROM", "reports@example.org")
    taken.port = port
    yield taken
    server.stop()


@pytest.fixture(scope="module")
def made(demo, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mailed")
    path = notebook(folder, "two_days", AGED, RECORDED.replace("limit=limit", "homes=12345, note='<b>'"))
    return reports.run(path, SUBJECT, folder / "out")


def test_a_letter_has_the_figures_and_the_page(made, box):
    reports.post(["boss@example.org", "ana@example.org"]).take(made)
    (letter,) = box.letters
    assert box.signed_in == [(b"robot", b"p@ss/word")]
    assert letter["Subject"] == "Two days: lone-star, storm 2021-04-28"
    assert (letter["From"], letter["To"]) == ("reports@example.org", "boss@example.org, ana@example.org")
    text = letter.get_body(("plain",)).get_content()
    assert "homes    12,345" in text and "Data as of 2021-05-03 12:00 UTC." in text
    page = letter.get_body(("html",)).get_content()
    assert "12,345" in page and "&lt;b&gt;" in page and "<b>" not in page
    (attached,) = letter.iter_attachments()
    assert attached.get_filename() == made.html.name
    assert attached.get_content().strip() == made.html.read_text().strip()
    reports.post(["boss@example.org", "ana@example.org"]).take(made)
    assert box.letters[1]["Message-ID"] == letter["Message-ID"], "the same report is the same letter"


def test_the_paper_goes_along_where_there_is_one(made, box, tmp_path):
    paper = tmp_path / "two_days.pdf"
    paper.write_bytes(b"%PDF-1.4\n\x00\xff")
    reports.post(["boss@example.org"]).take(reports.Report(made.notebook, made.html, made.result, paper))
    (attached,) = box.letters[0].iter_attachments()
    assert (attached.get_content_type(), attached.get_content()) == ("application/pdf", paper.read_bytes())


def test_who_is_refused_is_named(made, box):
    box.refuses = ("gone@example.org",)
    with pytest.raises(HandOverFailed, match=r"not for gone@example\.org"):
        reports.post(["boss@example.org", "gone@example.org"]).take(made)
    with pytest.raises(HandOverFailed, match=r"is published, and was not mailed: the server refused gone@example\.org"):
        reports.post(["gone@example.org"]).take(made)


def test_a_wrong_password_or_certificate_sends_nothing_and_is_not_repeated(made, box, monkeypatch):
    monkeypatch.setenv("STORMPLAY_SMTP_URL", f"smtp://robot:geheim@127.0.0.1:{box.port}")
    with pytest.raises(HandOverFailed, match="the server said 535") as caught:
        reports.post(["boss@example.org"]).take(made)
    assert "geheim" not in str(caught.value)
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(HandOverFailed, match="certificate verify failed"):
        reports.post(["boss@example.org"]).take(made)
    assert box.letters == []


@pytest.mark.parametrize(
    ("server", "sender", "recipient", "sentence"),
    [
        ("", "a@example.org", "b@example.org", "names no mail server"),
        ("ftp://geheim@x", "a@example.org", "b@example.org", "names no mail server"),
        ("smtp://x", "", "b@example.org", "STORMPLAY_MAIL_FROM is ''"),
        ("smtp://x", "a@example.org", "b\n@example.org", "which is no address"),
        ("smtp://x", "a@example.org", "b", "which is no address"),
    ],
)
def test_what_is_no_post_is_said_before_anything_runs(monkeypatch, server, sender, recipient, sentence):
    monkeypatch.setenv("STORMPLAY_SMTP_URL", server)
    monkeypatch.setenv("STORMPLAY_MAIL_FROM", sender)
    with pytest.raises(BadInput, match=sentence) as caught:
        reports.post([recipient])
    assert "geheim" not in str(caught.value)


def test_the_command_mails_what_it_makes(demo, box, tmp_path, monkeypatch):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name in ("one", "two"):
        notebook(folder, name, AGED, RECORDED)
    monkeypatch.setattr("stormplay.cli.headless.notebooks_folder", lambda: folder)
    words = ("report", "--all-notebooks", "--tenant", "lone-star", "--storm", "2021-04-28", "--out", tmp_path / "out",
             "--mail-to", "boss@example.org")  # fmt: skip
    assert in_process(*words, home=demo).returncode == 0
    assert sorted(letter["Subject"][:3] for letter in box.letters) == ["One", "Two"]
    box.refuses = ("boss@example.org",)
    done = in_process(*words, home=demo)
    assert done.returncode == 4 and "was not mailed: the server refused boss@example.org" in done.stderr
    assert len(done.stdout.splitlines()) == 2, "they are published"
