"""Mails about reports, taken by a real server of this machine: who gets what, and what no mail or error may hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import pytest
from command import in_process
from post_office import PASSWORD, QUOTED, USER, certificate, free_port, open_office
from small import AGED, RECORDED, SUBJECT, notebook

from stormplay import post, reports
from stormplay.errors import BadInput, Busy, HandOverFailed, ReportFailed
from stormplay.reports import figures, mail
from stormplay.reports.destinations import Folder
from stormplay.reports.orders import Order
from stormplay.reports.publishing import Report

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
SENDER, ANA, BEN = "reports@stormplay.example", "ana@lone-star.example", "ben@trinity.example"


@pytest.fixture(scope="module")
def pem(tmp_path_factory):
    return certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def trusted(pem, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))


@pytest.fixture
def plain():
    """A server of the old kind: no encryption, no password."""
    with open_office(with_password=False) as office:
        yield office


def at(office, scheme="smtp", user=f"{USER}:{QUOTED}@", query=""):
    return post.server({post.VARIABLE: f"{scheme}://{user}127.0.0.1:{office.port}{query}"})


def open_to_all(office):
    return at(office, user="", query="?starttls=if-offered")


@pytest.fixture
def outcome(tmp_path):
    """Makes what came of an order, without running it."""

    def make(
        tenant="lone-star", name="act", error=None, company="Lone Star Roofing", storm="Hail of 28 April 2021", pdf=b""
    ):
        path = notebook(tmp_path, name)
        order = Order(path, tenant, f"id-of-{tenant}", "2021-04-28", "s", {}, Folder(tmp_path), "ana", company, storm)
        if error is not None:
            return reports.Outcome(order, error=error)
        stem = tmp_path / order.name
        files = {ending: stem.with_name(stem.name + ending) for ending in (".ipynb", ".html", ".pdf", ".result.json")}
        files[".ipynb"].write_text("{}")
        files[".html"].write_text(f"<p>{tenant}</p>")
        if pdf:
            files[".pdf"].write_bytes(pdf)
        from stormplay.reports import publishing

        told = {
            "tenant": {"tenant_id": order.tenant_id}, "as_of": "2021-05-03T06:00:00+00:00",
            "data_as_of": "2021-05-03T05:00:00+00:00",
            "recorded": {"stops": 1204, "drive_hours": 12.5, "left_out": None},
            "files": {p.name: publishing.digest(p) for e, p in files.items() if p.exists() and e != ".result.json"},
        }  # fmt: skip
        files[".result.json"].write_text(json.dumps(told))
        made = Report(files[".ipynb"], files[".html"], files[".result.json"], files[".pdf"] if pdf else None)
        return reports.Outcome(order, made)

    return make


def body(message, kind):
    return message.get_body((kind,)).get_content()


def names(message):
    return [each.get_filename() for each in message.iter_attachments()]


# ---- the server


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_mail_goes_encrypted_and_signed_in(pem, trusted, outcome, scheme):
    with open_office(pem, implicit=scheme == "smtps") as office:
        post.hand_over(mail.message([outcome()], SENDER, [ANA]), at(office, scheme))
    ((recipients, message, by_starttls, is_signed_in),) = office.taken
    assert (recipients, by_starttls, is_signed_in) == ([ANA], scheme == "smtp", True)
    assert message["Subject"] == "Lone Star Roofing: Hail of 28 April 2021, 03 May 2021, 06:00 UTC"


@pytest.mark.parametrize("scheme", ["smtp", "smtps"])
def test_a_certificate_that_nobody_vouches_for_ends_it(pem, outcome, scheme):
    with (
        open_office(pem, implicit=scheme == "smtps") as office,
        pytest.raises(HandOverFailed, match="does not hold: self"),
    ):
        post.hand_over(mail.message([outcome()], SENDER, [ANA]), at(office, scheme))
    assert not office.tried


@pytest.mark.parametrize(("query", "why"), [("", "read it"), ("?starttls=if-offered", "its password would be read")])
def test_no_mail_and_no_password_goes_where_others_can_read_it(plain, outcome, query, why):
    with pytest.raises(HandOverFailed, match=f"offers no encryption.*{why}"):
        post.hand_over(mail.message([outcome()], SENDER, [ANA]), at(plain, query=query))
    assert not plain.tried


def test_a_wrong_password_is_told_without_it(pem, trusted, outcome):
    with open_office(pem) as office, pytest.raises(HandOverFailed, match="535") as caught:
        post.hand_over(mail.message([outcome()], SENDER, [ANA]), replace(at(office), password="hunter2"))
    assert "hunter2" not in str(caught.value) + repr(at(office))


def test_a_server_that_repeats_the_password_does_not_get_it_into_the_error():
    server = post.Server("h", 25, USER, PASSWORD)
    assert PASSWORD not in post._said(535, f"no, {PASSWORD} is wrong".encode(), server)


@pytest.mark.parametrize(
    "said",
    ["", "mail.example", "http://u:s3cret@h", "smtp://u:s3/cret@h", "smtp://u:s3#cret@h", "smtp://u:s3cret@h:x",
     "smtp://u@h", "smtp://h?starttls=no", "smtps://u:s3cret@h?starttls=required", "smtp://u:s3cret@h?tls=1",
     "smtp://u:s3%0D%0Acret@h", "smtp://[u:s3cret@h"],
)  # fmt: skip
def test_an_address_that_cannot_be_read_is_refused_unseen(said):
    with pytest.raises(BadInput, match=r"^STORMPLAY_SMTP (is not set|cannot be read)") as caught:
        post.server({post.VARIABLE: said})
    assert not said or said not in str(caught.value)
    assert "s3" not in str(caught.value) and caught.value.__cause__ is None


def test_only_what_a_server_cannot_take_just_now_is_tried_again(plain, outcome):
    message = mail.message([outcome()], SENDER, [ANA, BEN])
    plain.rcpt, plain.data = ["451 later"], ["452 full"]
    post.hand_over(message, open_to_all(plain), pause_s=0.01)
    taken = [recipients for recipients, *_ in plain.taken]
    assert sorted(one for each in taken for one in each) == [ANA, BEN], "each once"
    plain.tried.clear()
    plain.refused = {ANA: "550 no such person"}
    with pytest.raises(HandOverFailed, match=f"for {ANA}: 550 no such person\\."):
        post.hand_over(message, open_to_all(plain), pause_s=0.01)
    assert plain.tried == [ANA, BEN], "a no is a no"
    plain.tried.clear()
    plain.refused = {ANA: "451 never"}
    with pytest.raises(HandOverFailed, match="451 never"):
        post.hand_over(message, open_to_all(plain), tries=3, pause_s=0.01)
    assert plain.tried == [ANA, BEN, ANA, ANA]


def test_nobody_listening_is_a_sentence_at_once(outcome):
    nowhere = post.Server("127.0.0.1", free_port())
    with pytest.raises(HandOverFailed, match=r"does not answer \(Connection refused\)"):
        post.hand_over(mail.message([outcome()], SENDER, [ANA]), nowhere, pause_s=60)


# ---- what is in a mail


def test_a_mail_says_the_figures_and_how_old_they_are_and_what_is_missing(outcome):
    failed = outcome(name="other", error=ReportFailed("other failed in cell 3: no <roof>.", remedy="See /srv/aside."))
    made = mail.message([outcome(pdf=b"%PDF-1"), failed], SENDER, [ANA], "No PDF: there is no Chromium.")
    assert made["Subject"].endswith("(1 of 2 not made)")
    for kind, stops, missing in (("plain", "Stops: 1,204", "no <roof>"), ("html", "1,204</td>", "no &lt;roof&gt;")):
        said = body(made, kind)
        assert "Data as of 03 May 2021, 05:00 UTC." in said and "1 report of 2 made" in said
        assert stops in said and "12.5 h" in said and missing in said and "/srv/aside" not in said
    assert names(made) == ["act-lone-star-2021-04-28.pdf"]


def test_without_a_chromium_the_page_is_attached_and_the_mail_says_so(outcome):
    made = mail.message([outcome()], SENDER, [ANA], "No PDF: There is no Chromium to print with.")
    assert names(made) == ["act-lone-star-2021-04-28.html"]
    assert "There is no Chromium to print with." in body(made, "plain")


def test_what_is_too_large_or_was_made_anew_is_not_attached(outcome, monkeypatch):
    one = outcome()
    one.report.html.write_text("another")
    assert "made anew since" in body(mail.message([one], SENDER, [ANA]), "plain")
    monkeypatch.setattr(mail, "MOST_BYTES", 5)
    made = mail.message([outcome()], SENDER, [ANA])
    assert "too large. It is at /" in body(made, "plain") and names(made) == []


def test_nothing_that_a_company_calls_itself_becomes_a_header_or_markup(outcome):
    evil = "Evil\r\nBcc: thief@evil.example\r\n\r\n<script>x</script>\u2028\x00"
    made = mail.message([outcome(company=evil, storm=evil)], SENDER, [ANA])
    text = made.as_bytes().decode()
    head = text.split("\r\n\r\n")[0]
    assert not re.search(r"^Bcc:", text, re.MULTILINE | re.IGNORECASE) and made["Bcc"] is None
    assert re.findall(r"^([A-Za-z-]+):", head, re.MULTILINE).count("To") == 1
    assert "<script>" not in body(made, "html")


@pytest.mark.parametrize("address", ["ana", "a@b\r\nBcc: c@d.example", "a@b.example, c@d.example", "A <a@b.c>", ""])
def test_an_address_is_one_address(address):
    with pytest.raises(BadInput, match="is not an e-mail address"):
        mail.checked(address)


def test_recorded_numbers_are_said_in_words():
    recorded = {"score": 61.25, "difference_low": 0.0312, "credited_dollars": 1234567.5, "completion_pct": 40.0,
                "is_open": True, "nightly_at": "2021-05-03T06:00:00+00:00", "treated": 1204,
                "champion": None}  # fmt: skip
    assert next(figures.in_words({"other": 1, "stops": 2, "score": 61.25})) == ("Storm Play Score", "61.25 of 100")
    assert dict(figures.in_words(recorded)) == {
        "Storm Play Score": "61.25 of 100", "Added signatures, at least": "3.12 percentage points",
        "Credited": "$1,234,567.5", "Completion": "40 %", "Is open": "yes",
        "Nightly at": "03 May 2021, 06:00 UTC", "Homes treated": "1,204",
    }  # fmt: skip


# ---- who gets what


def test_no_mail_holds_the_reports_of_two_companies(outcome):
    both = [outcome(), outcome("trinity", company="Trinity Roof")]
    orders = [one.order for one in both]
    with pytest.raises(BadInput, match="one company"):
        mail.message(both, SENDER, [ANA])
    with pytest.raises(BadInput, match=r"whose reports that address gets.*lone-star, trinity"):
        mail.letters(SENDER, [ANA], orders)
    with pytest.raises(BadInput, match="whose reports"):
        mail.letters(SENDER, [f"nobody={ANA}"], orders)
    to = mail.letters(SENDER, [f"lone-star={ANA}", f"id-of-trinity={BEN}", f"trinity={BEN}"], orders)
    sent = {message["To"]: names(message) for message in mail.messages(both, to)}
    assert sent == {ANA: ["act-lone-star-2021-04-28.html"], BEN: ["act-trinity-2021-04-28.html"]}
    assert [m["To"] for m in mail.messages(both, mail.letters(SENDER, [f"trinity={BEN}"], orders))] == [BEN]


def test_a_result_of_another_company_stops_the_mail(outcome):
    one = outcome()
    with pytest.raises(BadInput, match="nothing was sent"):
        mail.message([replace(one, order=replace(one.order, tenant_id="another"))], SENDER, [ANA])


def test_what_another_run_makes_is_left_to_that_run(outcome):
    one = outcome(error=Busy("being made"))
    assert not list(mail.messages([one], mail.letters(SENDER, [ANA], [one.order])))


# ---- the command


@pytest.fixture
def command(demo, tmp_path, monkeypatch):
    """`stormplay report act` on a small notebook."""
    from stormplay.cli import headless

    notebook(tmp_path, "act", AGED, RECORDED)
    monkeypatch.setattr(headless, "notebooks_folder", lambda: tmp_path)

    def run(*arguments, **environment):
        return in_process("report", "act", "--storm", SUBJECT["storm"], "--out", tmp_path / "out",
                          "--mail-from", SENDER, *arguments, home=demo, **environment)  # fmt: skip

    return run


def test_the_command_makes_and_mails_to_each_company_its_own(command, plain):
    smtp = {post.VARIABLE: f"smtp://127.0.0.1:{plain.port}?starttls=if-offered", "STORMPLAY_CHROMIUM": "/nowhere"}
    done = command("--tenant", "lone-star", "--tenant", "trinity", "--mail-to", f"lone-star={ANA}", "--mail-to",
                   f"trinity={BEN}", **smtp)  # fmt: skip
    assert done.returncode == 0, done.stderr
    got = {recipients[0]: message for recipients, message, *_ in plain.taken}
    assert sorted(got) == [ANA, BEN]
    assert names(got[ANA]) == ["act-lone-star-2021-04-28.html"] and "Limit: 50" in body(got[ANA], "plain")
    assert "Lone Star" in got[ANA]["Subject"] and "trinity" not in got[ANA].as_string().lower()
    assert "STORMPLAY_CHROMIUM names /nowhere" in body(got[BEN], "plain")


def test_a_mail_that_is_not_taken_leaves_the_report_and_says_so(command, plain, tmp_path):
    plain.refused = {ANA: "550 no such person"}
    smtp = {post.VARIABLE: f"smtp://127.0.0.1:{plain.port}?starttls=if-offered", "STORMPLAY_CHROMIUM": "/nowhere"}
    done = command("--tenant", "lone-star", "--mail-to", ANA, **smtp)
    assert done.returncode == 6 and "550 no such person" in done.stderr and "Traceback" not in done.stderr
    assert (tmp_path / "out" / "act-lone-star-2021-04-28.result.json").exists()


@pytest.mark.parametrize(
    ("arguments", "smtp", "sentence"),
    [
        ((), "smtp://h", "both --mail-to and --mail-from"),
        (("--mail-to", ANA), "", "STORMPLAY_SMTP is not set"),
        (("--mail-to", "ana"), "smtp://h", "not an e-mail address"),
        (("--mail-to", f"trinity={BEN}"), "smtp://h", "whose reports that address gets"),
    ],
)
def test_mails_that_cannot_be_meant_are_refused_before_anything_is_made(command, tmp_path, arguments, smtp, sentence):
    done = command("--tenant", "lone-star", *arguments, **{post.VARIABLE: smtp})
    assert done.returncode == 2 and sentence in done.stderr
    assert not (tmp_path / "out").exists()
