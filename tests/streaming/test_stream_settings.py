"""Kafka's settings from the environment: typed, whole, and no password in any word about them."""

from __future__ import annotations

import ssl

import pytest

from stormplay.errors import BadInput, BrokerUnavailable
from stormplay.streaming import client, settings

SECRET = "geheim-17"


def read(**variables):
    return settings.read({"STORMPLAY_KAFKA": "one:9092, two:9092", **variables})


def test_settings_of_kafka_python_are_passed_through_with_their_types(tmp_path):
    ca = tmp_path / "ca.pem"
    ca.write_text("")
    told = read(
        STORMPLAY_KAFKA_SECURITY_PROTOCOL="SASL_SSL", STORMPLAY_KAFKA_SASL_MECHANISM="SCRAM-SHA-512",
        STORMPLAY_KAFKA_SASL_PLAIN_USERNAME="stream", STORMPLAY_KAFKA_SASL_PLAIN_PASSWORD=SECRET,
        STORMPLAY_KAFKA_SSL_CAFILE=str(ca), STORMPLAY_KAFKA_SSL_CHECK_HOSTNAME="false",
        STORMPLAY_KAFKA_SESSION_TIMEOUT_MS="6000", STORMPLAY_KAFKA_LINGER_MS="7",
    )  # fmt: skip
    consumer, producer = told.consumer(), told.producer()
    for each in (consumer, producer):
        assert each["bootstrap_servers"] == ["one:9092", "two:9092"]
        assert (each["security_protocol"], each["sasl_mechanism"]) == ("SASL_SSL", "SCRAM-SHA-512")
        assert (each["sasl_plain_password"], each["ssl_check_hostname"]) == (SECRET, False)
        assert each["ssl_cafile"] == str(ca)
    assert consumer["session_timeout_ms"] == 6_000 and "session_timeout_ms" not in producer
    assert producer["linger_ms"] == 7 and "linger_ms" not in consumer
    assert consumer["enable_auto_commit"] is False and producer["acks"] == "all"
    assert SECRET not in repr(told) + str(told)


def test_workers_are_static_members_unless_told_otherwise():
    names = [read().of_worker(number).consumer()["group_instance_id"] for number in (0, 1)]
    assert names[0].endswith("-0") and names[1].endswith("-1")
    dynamic = read(STORMPLAY_KAFKA_GROUP_INSTANCE_ID="").of_worker(1)
    assert dynamic.consumer()["group_instance_id"] is None


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"STORMPLAY_KAFKA_COLOUR": SECRET}, "STORMPLAY_KAFKA_COLOUR names no setting of kafka-python."),
        ({"STORMPLAY_KAFKA_ENABLE_AUTO_COMMIT": "true"}, "STORMPLAY_KAFKA_ENABLE_AUTO_COMMIT cannot be set."),
        ({"STORMPLAY_KAFKA_SSL_CONTEXT": SECRET}, "STORMPLAY_KAFKA_SSL_CONTEXT cannot be given as text."),
        ({"STORMPLAY_KAFKA_SESSION_TIMEOUT_MS": SECRET}, "STORMPLAY_KAFKA_SESSION_TIMEOUT_MS has a value"),
        ({"STORMPLAY_KAFKA_CHECK_CRCS": SECRET}, "STORMPLAY_KAFKA_CHECK_CRCS has a value that cannot be used."),
        ({"STORMPLAY_KAFKA_SSL_CAFILE": SECRET}, "STORMPLAY_KAFKA_SSL_CAFILE has a value that cannot be used."),
        ({"STORMPLAY_KAFKA_SASL_MECHANISM": SECRET}, "STORMPLAY_KAFKA_SASL_MECHANISM has a value"),
        ({"STORMPLAY_KAFKA": f"kafka://user:{SECRET}@host"}, "STORMPLAY_KAFKA is no list of Kafka servers."),
    ],
)
def test_what_cannot_be_used_is_one_sentence_without_the_value(variables, sentence):
    with pytest.raises(BadInput) as told:
        read(**variables)
    assert str(told.value).startswith(sentence) and SECRET not in str(told.value)


@pytest.mark.parametrize("more", [{"batch": 0}, {"batch": 10_001}, {"group": "two words"}])
def test_a_batch_and_a_group_that_cannot_be(more):
    with pytest.raises(BadInput):
        settings.read({"STORMPLAY_KAFKA": "one:9092"}, **more)


def test_a_broker_that_does_not_answer_is_one_sentence():
    nobody = settings.read({"STORMPLAY_KAFKA": "127.0.0.1:1", "STORMPLAY_KAFKA_BOOTSTRAP_TIMEOUT_MS": "300"})
    with pytest.raises(BrokerUnavailable) as told:
        client.connect(nobody)
    assert str(told.value).startswith("No Kafka broker answers at 127.0.0.1:1")


def test_settings_that_the_client_refuses_say_no_secret(tmp_path):
    key = tmp_path / "key.pem"
    key.write_text("no key")
    refused = read(
        STORMPLAY_KAFKA_SECURITY_PROTOCOL="SSL", STORMPLAY_KAFKA_SSL_CERTFILE=str(key),
        STORMPLAY_KAFKA_SSL_PASSWORD=SECRET, STORMPLAY_KAFKA_BOOTSTRAP_TIMEOUT_MS="300",
    )  # fmt: skip
    with pytest.raises((BadInput, BrokerUnavailable)) as told:
        client.connect(refused)
    assert SECRET not in str(told.value) and not isinstance(told.value, ssl.SSLError)
