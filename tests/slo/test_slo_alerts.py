"""Alerts from counts to messages: opened once, worse, acknowledged, closed; told again where nobody took them."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest
from command import in_process
from counted import admin, put, rows, tenant_id
from post_office import open_office
from sqlalchemy import text
from world import guests

from stormplay import accounts, slo
from stormplay.errors import BadInput, HandOverFailed, NotAllowed
from stormplay.slo import delivery, watching, webhook

URGENT = "14.4x over 1 h and 5 min"


@pytest.fixture
def company(database):
    """A company with an admin, a viewer and an operator."""
    slug = f"alerted-{uuid4().hex[:8]}"
    accounts.add_tenant(slug, f"Alerted {slug[-4:]}", is_synthetic=True)
    with guests(slug, "admin", "ana"), guests(slug, "viewer", "ben"), guests(slug, "operator", "vic"):
        yield slug
    with admin() as connection:  # nothing of it is due in the next test
        connection.execute(text("DELETE FROM slo_outbox WHERE status = 'waiting'"))


class Listener(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.heard.append((self.path, self.headers["Idempotency-Key"], json.loads(body)))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()

    def log_message(self, *_):
        pass


@contextmanager
def listening():
    """A real web server that hears messages and answers as it is told."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    server.heard, server.answers = [], []
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def hook(monkeypatch):
    with listening() as server:
        place = f"127.0.0.1:{server.server_port}"
        monkeypatch.setenv(webhook.VARIABLE, place)
        server.url = f"http://{place}/hooks/s3cret-key"
        yield server


def alerts(slug):
    return rows("SELECT * FROM slo_alerts WHERE tenant_id = CAST(:t AS uuid) ORDER BY alert_id", t=tenant_id(slug))


def outbox(slug):
    return rows("SELECT * FROM slo_outbox WHERE tenant_id = CAST(:t AS uuid) ORDER BY message_id", t=tenant_id(slug))


def due_now(slug):
    with admin() as connection:
        connection.execute(text("UPDATE slo_outbox SET next_try_at = now() WHERE tenant_id = CAST(:t AS uuid)"),
                           {"t": tenant_id(slug)})  # fmt: skip


def later(slug, minutes):
    """As if so much time had passed for its alerts and counts."""
    with admin() as connection:
        values = {"t": tenant_id(slug), "m": minutes}
        connection.execute(text("""UPDATE slo_alerts SET opened_at = opened_at - make_interval(mins => :m),
                                       quiet_since = quiet_since - make_interval(mins => :m)
                                    WHERE tenant_id = CAST(:t AS uuid) AND closed_at IS NULL"""), values)  # fmt: skip
        connection.execute(text("""UPDATE slo_counts SET bucket_at = bucket_at - make_interval(mins => :m)
                                    WHERE tenant_id = CAST(:t AS uuid)"""), values)  # fmt: skip


def ours(names, slug):
    return [name for name in names if name.endswith(tenant_id(slug))]


def test_an_outage_is_one_alert_with_cause_and_next_action(company):
    put(company, "page_time", 400, 412, 30)
    put(company, "page_time", 4, 20)
    done = watching.turn()
    assert ours(done.opened, company)
    (one,) = alerts(company)
    assert (one["severity"], one["rule"], one["bad"], one["total"]) == ("urgent", "6x over 6 h and 30 min", 28, 432)
    assert one["cause"] == (
        "In the last 6 h 28 of 432 page views were not drawn whole within 5 s: 6.5 times as many as 99 % allows. "
        "In the last 30 min it was 16 of 20."
    )
    assert one["next_action"] == slo.SERVICES["page_time"].action
    for _ in range(3):
        assert not ours(watching.turn().opened, company)
    assert len(alerts(company)) == 1


def test_an_alert_becomes_urgent_and_is_closed_when_it_is_over(company, hook, as_person):
    as_person("ana")
    slo.add_contact(company, hook.url)
    as_administrator_env(
        lambda: (put(company, "report_success", 0, 4, 200), put(company, "report_success", 200, 206, 900))
    )
    assert as_administrator_env(watching.turn).opened
    assert as_administrator_env(lambda: alerts(company))[0]["severity"] == "soon"
    as_administrator_env(lambda: put(company, "report_success", 0, 30))
    assert ours_of(as_administrator_env(watching.turn).worse, company)
    as_administrator_env(lambda: later(company, 61))
    as_administrator_env(lambda: put(company, "report_success", 100_000, 100_000, 2))
    assert not ours_of(as_administrator_env(watching.turn).closed, company), "quiet for an instant"
    as_administrator_env(lambda: later(company, 31))
    assert ours_of(as_administrator_env(watching.turn).closed, company)
    kinds = [one["kind"] for one in as_administrator_env(lambda: outbox(company))]
    assert kinds == ["opened", "urgent", "closed"]
    assert as_administrator_env(delivery.deliver).sent >= 3
    told = [message for _, _, message in hook.heard if message["service"] == "report_success"]
    assert [message["kind"] for message in told] == ["opened", "urgent", "closed"]
    assert told[2]["text"].startswith("Over: Report success of Alerted")
    assert slo.standing(company).alerts["state"].tolist() == ["closed"]


def as_administrator_env(act):
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("STORMPLAY_DATABASE_URL", raising=False)
        return act()


def ours_of(names, slug):
    return as_administrator_env(lambda: ours(names, slug))


def test_who_acknowledges_is_known_and_a_viewer_may_not(company, as_person):
    put(company, "page_time", 0, 50)
    watching.turn()
    alert = str(alerts(company)[0]["alert_id"])
    as_person("ben")
    with pytest.raises((NotAllowed, BadInput)):
        slo.acknowledge(company, alert)
    as_person("vic")
    slo.acknowledge(company, alert)
    (row,) = slo.standing(company).alerts.to_dict("records")
    assert (row["state"], row["acknowledged_by"]) == ("acknowledged", "Vic Larsen")
    with pytest.raises(NotAllowed, match="acknowledged already"):
        slo.acknowledge(company, alert)
    with pytest.raises(BadInput, match="no open alert"):
        slo.acknowledge(company, uuid4())


def test_a_message_is_tried_again_under_the_same_key_and_then_kept_aside(company, hook, monkeypatch):
    with pytest.MonkeyPatch.context():
        put(company, "page_time", 0, 50)
    with admin() as connection:
        connection.execute(text("""INSERT INTO slo_contacts (tenant_id, channel, address)
                                   VALUES (CAST(:t AS uuid), 'webhook', :a)"""),
                           {"t": tenant_id(company), "a": hook.url})  # fmt: skip
    watching.turn()
    hook.answers = [503, 500, 200]
    for expected in ("waiting", "waiting", "sent"):
        due_now(company)
        delivery.deliver()
        assert outbox(company)[0]["status"] == expected
    assert len({key for _, key, _ in hook.heard}) == 1 and len(hook.heard) == 3
    assert outbox(company)[0]["attempts"] == 3

    for answer, attempts, status in ((302, 1, "kept aside"), (410, 1, "kept aside"), (429, 1, "waiting"),
                                     (503, delivery.TRIES, "kept aside")):  # fmt: skip
        with admin() as connection:
            connection.execute(text("""UPDATE slo_outbox SET status = 'waiting', ended_at = NULL, next_try_at = now(),
                                           attempts = :n WHERE tenant_id = CAST(:t AS uuid)"""),
                               {"t": tenant_id(company), "n": attempts - 1})  # fmt: skip
        hook.answers = [answer]
        delivery.deliver()
        (one,) = outbox(company)
        assert one["status"] == status, answer
        assert "s3cret" not in one["said"]


def test_two_deliverers_do_not_tell_it_twice(company, hook):
    put(company, "page_time", 0, 50)
    with admin() as connection:
        connection.execute(text("""INSERT INTO slo_contacts (tenant_id, channel, address)
                                   SELECT CAST(:t AS uuid), 'webhook', :a || n FROM generate_series(1, 8) n"""),
                           {"t": tenant_id(company), "a": hook.url})  # fmt: skip
    watching.turn()
    threads = [threading.Thread(target=delivery.deliver) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    keys = [key for path, key, _ in hook.heard if path.startswith("/hooks/s3cret-key")]
    assert len(keys) == len(set(keys)) == 8


@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
def test_a_mail_goes_to_the_contact_and_says_what_to_do(company, monkeypatch, as_person):
    as_person("ana")
    slo.add_contact(company, "boss@alerted.example")
    as_administrator_env(lambda: put(company, "page_time", 0, 50))
    as_administrator_env(watching.turn)
    with open_office(with_password=False) as office:
        due = as_administrator_env(delivery.deliver)
        assert due.again and office.taken == [], "no server is named"
        (waiting,) = as_administrator_env(lambda: outbox(company))
        assert "STORMPLAY_" in waiting["said"]
        monkeypatch.setenv("STORMPLAY_SMTP", f"smtp://127.0.0.1:{office.port}?starttls=if-offered")
        monkeypatch.setenv(delivery.VARIABLE, "alerts@stormplay.example")
        as_administrator_env(lambda: due_now(company))
        assert as_administrator_env(delivery.deliver).sent == 1
        ((recipients, message, *_),) = office.taken
    assert recipients == ["boss@alerted.example"]
    assert message["Subject"].startswith("Alert (urgent): Pages of Alerted")
    assert message["Message-ID"].startswith(f"<{waiting['message_id']}@")
    body = message.get_content()
    assert "50 of 50 page views" in body and "Next: Open the page" in body


@pytest.mark.parametrize(
    "address",
    [
        "http://example.com/x",
        "https://user:pw@example.com/",
        "ftp://example.com/",
        "https:///x",
        "https://exa mple.com/",
        "file:///etc/passwd",
        "https://[::1",
    ],
)
def test_an_address_that_may_not_be_told_is_refused_without_being_repeated(address):
    with pytest.raises(BadInput) as refused:
        webhook.check(address)
    assert "pw" not in str(refused.value)


INSIDE = ["127.0.0.1", "localhost", "10.1.2.3", "192.168.0.9", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]",
          "0.0.0.0", "100.64.0.1", "[fd00::1]", "224.0.0.1", "2130706433"]  # fmt: skip


@pytest.mark.parametrize("host", INSIDE)
def test_a_webhook_leads_into_no_network_of_ours(host, monkeypatch):
    monkeypatch.delenv(webhook.VARIABLE, raising=False)
    with pytest.raises(HandOverFailed) as refused:
        webhook.tell(f"https://{host}/x", {}, "key")
    assert refused.value.is_final or "no address" in refused.value.what


def test_nobody_is_followed_elsewhere(hook):
    hook.answers = [302]
    with pytest.raises(HandOverFailed, match="answered 302"):
        webhook.tell(hook.url, {"text": "x"}, "key")
    assert len(hook.heard) == 1


def test_the_command_line_shows_sets_acknowledges_and_watches(company, hook, database):
    def call(*arguments):
        return in_process("slo", *arguments, home=database)

    put(company, "page_time", 0, 50)
    done = call("watch", "--once")
    assert done.returncode == 0 and "alerts opened" in done.stdout
    shown = call("status", "--tenant", company, "--person", "ana", "--check")
    assert shown.returncode == 3
    assert "0 of 50" in shown.stdout and "open, urgent: page_time" in shown.stdout
    alert = str(alerts(company)[0]["alert_id"])
    assert call("ack", alert, "--tenant", company, "--person", "vic").returncode == 0
    changed = call("set", "page_time", "--tenant", company, "--person", "ana", "--threshold", "3")
    assert "99 % of page views drawn whole within 3 s" in changed.stdout
    assert call("set", "page_time", "--tenant", company, "--person", "vic", "--off").returncode == 2
    assert call("tell", hook.url, "--tenant", company, "--person", "ana").returncode == 0
    listed = call("status", "--tenant", company, "--person", "ben")
    assert "127.0.0.1" in listed.stdout and "s3cret" not in listed.stdout
    exported = call("export", "--tenant", company, "--person", "ben")
    assert exported.stdout.startswith("---\napiVersion: openslo/v1\nkind: Service")
    assert call("export", "--tenant", "trinity", "--person", "ana").returncode == 2
