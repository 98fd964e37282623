"""A door of Apache Kafka that wants TLS and a password: its certificate, its settings, and those of its client."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

USERNAME, PASSWORD = "stream", "hailstorm-1"
MECHANISM = "SCRAM-SHA-512"
LOGIN = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
PEM = serialization.Encoding.PEM


def formatting() -> list[str]:
    """What StorageTool is told, so that the person is known from the first start."""
    return ["--add-scram", f"{MECHANISM}=[name={USERNAME},password={PASSWORD}]"]


def of_node(folder: Path, ports: tuple[int, ...]) -> dict[str, object]:
    """The settings of a node that make the door."""
    plain, controller, secure = (f"127.0.0.1:{port}" for port in ports)
    return {
        "listeners": f"PLAINTEXT://{plain},CONTROLLER://{controller},SASL_SSL://{secure}",
        "sasl.enabled.mechanisms": MECHANISM,
        f"listener.name.sasl_ssl.{MECHANISM.lower()}.sasl.jaas.config": LOGIN,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": folder / "broker.pem",
    }


def of_client(folder: Path) -> dict[str, object]:
    """kafka-python's settings for one who may come in."""
    return {
        "security_protocol": "SASL_SSL",
        "ssl_cafile": str(folder / "ca.pem"),
        "sasl_mechanism": MECHANISM,
        "sasl_plain_username": USERNAME,
        "sasl_plain_password": PASSWORD,
    }


def certify(folder: Path) -> None:
    """Write ``ca.pem``, and ``broker.pem`` with the key and the certificate of 127.0.0.1, for a day."""
    folder.mkdir(parents=True, exist_ok=True)
    authority, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = _certificate("stormplay test authority", authority, "stormplay test authority", authority, authority=True)
    leaf = _certificate("127.0.0.1", key, "stormplay test authority", authority, authority=False)
    private = key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "ca.pem").write_bytes(root.public_bytes(PEM))
    (folder / "broker.pem").write_bytes(private + leaf.public_bytes(PEM) + root.public_bytes(PEM))


def _certificate(
    name: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey, *, authority: bool
) -> x509.Certificate:
    def called(common: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])

    now, number = datetime.now(UTC), x509.random_serial_number()
    builder = x509.CertificateBuilder(
        called(issuer), called(name), key.public_key(), number, now - timedelta(minutes=5), now + timedelta(days=1)
    ).add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    if not authority:
        here = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = builder.add_extension(here, critical=False)
    return builder.sign(signer, hashes.SHA256())
