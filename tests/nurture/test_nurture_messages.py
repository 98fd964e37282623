"""What the linter finds, and what it must let pass: sentences that companies do say."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stormplay.errors import BadInput
from stormplay.nurture import CHANNELS, DEFAULTS, lint_message
from stormplay.nurture.messages import plain
from stormplay.nurture.phrases import RULES

# Rule -> sentences that break it.
FORBIDDEN = {
    "public adjusting": [
        "We will take care of the claim for you.",
        "Our team handles claims with all major carriers",
        "Let us negotiate with your insurance company",
        "Sit back while we manage your insurance claim",
        "We speak to the adjuster on your behalf",
        "We settle your claim for the highest amount",
        "Your claim, handled by us.",
        "Leave the claim to us",
        "We'll get insurance to pay for your roof",
        "We work directly with your insurance company to get you a new roof",
        "We file claims for homeowners",
        "Insurance claims handled",
        "We know how to get your claim approved",
        "We are insurance adjusters too",
        "I come as your adjuster",
        "We will be your advocate",
        "Our office deals with the adjuster",
        "We will negotiate your claim with the insurer.",
        "We handle the entire insurance claim for you",
        "Let us file your claim today",
        "We settle claims fast",
        "We work with your insurance to get you a new roof",
        "We negotiate on your behalf",
        "Insurance specialists since 1999",
        "The leader in insurance claim approval",
        "We'll help you file your claim",
        "We assist you with the claims process",
        "We get your claim approved",
        "We get you the maximum settlement",
        "We’ll deal with your adjuster so you don't have to",
        "Our team will talk to your insurance company",
        "We'll take care of your insurance claim",
        "We do not charge for photos and we will negotiate your claim",
        "Filing your claim is our business",
        "We make your insurance company pay",
        "We represent homeowners",
        "We'll handle your insurance claim from start to finish",
        "We handle all the insurance paperwork",
        "We take care of everything with your insurance",
        "Let our experts deal with the insurance company",
        "We speak insurance: we fight for you",
        "We negotiate directly with your insurer",
        "We maximize your claim",
        "Full-service claim handling",
        "We are claims experts",
        "We'll guide you through the claim process",
        "We act on your behalf",
        "We're not just roofers: we handle your claim",
        "No hassle: we file your claim",
        "No fee unless we settle your claim",
        "Never worry: we manage your claim",
        "You sign, and we negotiate your claim",
        "We'll submit the claim to your carrier for you",
        "We do all the negotiating with your insurance company",
        "We get homeowners paid by their insurance",
        "We supplement your claim",
        "Let us be your claim advocate",
        "We deal with the adjuster",
        "We represent you before the insurance company",
        "Our claims specialists are ready",
        "Our insurance team will handle the claim",
        "Claim assistance included",
    ],
    "deductible": [
        "Your deductible will be covered by us",
        "We'll pay for your deductible",
        "Deductible covered",
        "$0 deductible",
        "We can work with your deductible",
        "You pay no deductible",
        "You don't have to worry about the deductible",
        "no out of pocket costs",
        "zero out-of-pocket",
        "Nothing out-of-pocket for you",
        "We offer a rebate equal to your deductible",
        "We will reimburse you for your deductible",
        "We cover your deductible",
        "We will waive your insurance deductible!",
        "No deductible!",
        "Your deductible is on us",
        "$500 off your deductible",
        "no out-of-pocket cost",
        "Zero out of pocket",
        "Nothing out of your pocket",
        "You won't pay your deductible",
        "You never have to pay a deductible",
        "we eat the deductible",
        "We’ll take care of your deductable",
        "Ask about our deductible assistance program",
        "We help you cover your deductible",
        "WE COVER YOUR DEDUCTIBLE",
        "Don't worry about your deductible, we've got it covered",
        "Ask how you can avoid paying your deductible",
        "We match your deductible",
        "Let us absorb your deductible",
        "Your deductible? We pay it.",
        "Deductible waived!",
        "Get $1,000 back toward your deductible",
        "You'll pay nothing out of pocket",
        "no money out of pocket",
        "No out‑of‑pocket expense",
        "We can bury the deductible in the invoice",
        "Deductible help available",
        "We offer deductible rebates",
        "You keep your deductible in your pocket",
        "Skip the deductible",
        "Only $0 deductible today",
        "We credit your deductible on the invoice",
        "We refund the whole deductible",
    ],
    "free roof": [
        "Get a roof for free, compliments of your insurance",
        "You could get a brand new roof for free",
        "Free roof replacement",
        "Totally free roof!",
        "A new roof without paying a cent",
        "New roof, no cost to you",
        "New roof at zero cost to you",
        "Your roof replacement costs you nothing",
        "Your roof repair will not cost you a dime",
        "roof paid for 100% by insurance",
        "A no-cost roof",
        "Get a free roof",
        "FREE ROOF!!!",
        "Free new roof after the storm",
        "Your new roof is free",
        "A new roof at no cost to you",
        "roof for free",
        "$0 roof",
        "Get your roof for free",
        "Roof replacement at zero cost",
        "Get a new roof for nothing",
        "Your neighbors got free roofs",
        "You may qualify for a free roof replacement",
        "You may be entitled to a brand-new roof at no charge",
        "Complete roof replacement for free",
        "A FREE  ROOF",
        "free hail roof",
        "Your roof will be replaced for free",
        "Ask us how your neighbor got his roof replaced at no cost",
    ],
    "guaranteed approval": [
        "Approval guaranteed!",
        "Guaranteed insurance approval",
        "We guarantee you a new roof",
        "Your insurance will buy you a new roof",
        "100% approval rate",
        "Every claim gets approved",
        "We have never been denied",
        "Pre-approved for a new roof",
        "Guaranteed approval",
        "We guarantee your claim will be approved",
        "100% claim approval",
        "Your insurance will pay for a new roof",
        "You have been approved",
        "Insurance pays for your whole roof",
        "Your claim is guaranteed to be approved",
        "We guarantee insurance approval",
        "Your claim will definitely be approved",
        "Insurance will cover it 100%",
        "You are pre-approved for a new roof",
        "Your roof is guaranteed to be covered",
        "Insurance approval guaranteed or your money back",
        "We never lost a claim",
    ],
    "false urgency": [
        "Don't wait, your claim window closes soon",
        "Final notice: hail damage at your address",
        "URGENT",
        "You must act today",
        "Only 2 spots left this week",
        "This offer expires Friday",
        "Act now",
        "Last chance!",
        "Offer ends tonight",
        "URGENT: call us",
        "Final notice about your roof",
        "Your policy may be cancelled",
        "You must call within 24 hours",
        "Act fast, only 3 spots left",
        "Respond within 24 hours or lose your coverage",
        "Don't miss out - offer expires at midnight",
        "Call us before your insurance denies you! Act now!",
    ],
    "right to cancel": [
        "You waive your three-day right",
        "This is binding on signature",
        "You cannot back out",
        "no cancellations",
        "This sale cannot be cancelled",
        "All sales are final",
    ],
    "government": [
        "We're with the government storm program",
        "Government approved contractor",
        "We are authorized by the State of Texas to inspect roofs",
        "City-approved roofer",
        "We work with FEMA",
        "We are calling from FEMA",
        "This program is funded by the state",
        "FEMA approved roofer",
        "We are from the city",
        "A government roof program",
        "State-certified storm program",
        "On behalf of the county we inspect roofs",
        "Official storm damage notice",
        "We are with the Texas Department of Insurance",
        "Federal storm relief program",
        "This is the city inspector calling about your roof",
        "Approved by FEMA",
        "Government-backed roof replacement",
    ],
}

# What a company may say.
ALLOWED = [
    "We are a local roofing company and would like to look at your roof.",
    "Your roof may have hail damage; nobody has looked at it yet.",
    "We take photos and write down what we see.",
    "The photos are yours, for your records or your insurer.",
    "You can hand our report to your insurance company if you wish.",
    "Your insurance company will send its own adjuster.",
    "We're happy to show your adjuster what we found.",
    "We cannot speak for your insurer.",
    "By Texas law we may not waive, pay or rebate your deductible.",
    "The deductible is yours to pay and we will send an invoice for it.",
    "We do not cover deductibles.",
    "Ask your agent how high your deductible is.",
    "We offer a free inspection.",
    "Free roof inspection, no strings attached.",
    "The inspection is free; a new roof is not.",
    "We guarantee our workmanship for ten years.",
    "We can't promise that your claim will be approved.",
    "Only your insurer can approve a claim.",
    "There is no hurry.",
    "Please reply by Friday if Monday suits you.",
    "You have three business days to cancel.",
    "The state of Texas does not license roofers.",
    "The county appraisal lists your roof as built in 2004.",
    "Our office is in the city of Keller.",
    "We handle every roof with care.",
    "We'd like to settle on a time for the visit.",
    "We will file the photos under your address.",
    "Our crew manages the cleanup and takes care of the magnets.",
    "We work with Owens Corning shingles.",
    "We helped your neighbors on Oak Street after the storm.",
    "We cover the roof with a tarp if it leaks.",
    "If you have questions about your claim, please ask your insurer.",
    "A public adjuster can help you with the claim; we can't.",
    "Do you already have a claim? Then your insurer has your claim number.",
    "We'll wait with the work until your claim is settled.",
    "Your neighbors' roofs were damaged.",
    "We document damage for your records.",
    "We photograph what we find and give you the pictures.",
    "We do not negotiate or handle your claim.",
    "We do not negotiate, handle, file or settle claims.",
    "Only you or a licensed public adjuster can negotiate your claim.",
    "If you file a claim, that is between you and your insurer.",
    "Whether you file a claim is up to you.",
    "You file the claim; we document the damage.",
    "Filing a claim is your decision.",
    "Your insurer settles your claim.",
    "We cannot waive your deductible.",
    "Texas law requires you to pay your deductible.",
    "You pay your deductible, as the law requires.",
    "It is illegal to waive your deductible.",
    "Texas law prohibits contractors from waiving your deductible.",
    "Your policy covers the damage less your deductible.",
    "The owner pays the deductible.",
    "We offer a free roof inspection.",
    "A free look at your roof.",
    "Our roof check is free.",
    "The roof inspection is free of charge.",
    "Our look at your roof is free.",
    "Feel free to call us about your roof.",
    "We guarantee our work for five years.",
    "We cannot guarantee approval.",
    "There is no guarantee that your claim will be approved.",
    "If your claim is approved, we can do the repair.",
    "Your insurer decides whether the damage is covered.",
    "You may cancel within three business days.",
    "We are licensed and insured.",
    "We can be on site when your adjuster visits.",
    "When your insurance adjuster comes, show him the photos.",
    "Please speak with your insurance company before you decide.",
    "Before filing a claim, ask your insurer about your deductible.",
    "We are a roofing company with an insurance certificate.",
    "Hail was modelled on your street; nobody has looked at your roof yet.",
    "We never act on your behalf with your insurer.",
    "Ask your insurance company about filing a claim.",
    "The city of Keller was hit by hail on 28 April.",
    "Please have your claim number ready.",
    "We can stop by tomorrow.",
    "We document hail damage with photos and test squares so that you can show your insurer.",
    "We keep the roof damage report on file for your claim.",
    "We will not contact you again.",
    "The state of your roof is shown in the photos.",
    "We do not act as your adjuster.",
    "Your insurance may cover hail damage.",
    "We prepare a written estimate of the repair.",
    "You have the right to cancel for three business days.",
    "The permit is required by the city.",
    "We give you the documentation; you decide whether to send it to your insurer.",
    "We do not offer claim assistance.",
    "Claims are handled by your insurer.",
    "You handle the claim with your insurer; we do the roof.",
    "We are not public adjusters and do not negotiate claims.",
    "As a contractor we may not negotiate your claim.",
    "We are not allowed to handle your claim.",
    "Your deductible is yours to pay.",
    "Please ask your insurer what your deductible is.",
    "We will never offer to pay your deductible.",
    "Anyone who offers to waive your deductible breaks Texas law.",
    "You owe your deductible whatever a roofer says.",
    "We do not promise a free roof.",
    "No roof is free.",
    "Nobody can promise that your claim will be approved.",
    "Whether the claim is approved is for your insurer to decide.",
    "We cover roofs with asphalt shingles.",
    "Our warranty covers the roof for ten years.",
    "We settle the date that suits you.",
    "Our crew handles your roof with care.",
    "The file with your photos is yours.",
    "Our adjusters' hammer is not needed.",
    "We repair roofs in the city of Keller, Tarrant County.",
    "No hurry: call when it suits you.",
    "Take your time.",
    "A visit is free of charge and without obligation.",
    "We work with local suppliers.",
    "We work with homeowners in Keller.",
    "If your insurer asks for photos, we send them to you.",
    "We leave the decision about a claim to you.",
    "Thank you for your time. We covered your broken skylight with a tarp.",
    "You do not have to decide today.",
    "You may cancel this agreement within three business days without any cost.",
    "Nothing is due before the work is done.",
    "Our inspection costs you nothing.",
    "You pay us nothing for the inspection of your roof.",
    "We help you keep good records.",
    "Hello Ana, this is Lone Star Roofing. We document roof damage with photographs for your records.",
    "We give you a written report; whether to make a claim is between you and your insurer.",
    "Your insurer, not us, decides on the claim.",
    "The adjuster works for your insurer.",
    "We can point out what we photographed when the adjuster is there.",
    "We do not and cannot negotiate with your insurer.",
    "State law requires that you pay the deductible in full.",
    "Ask for our price; it is the same with or without insurance.",
    "Our estimate includes the deductible you owe.",
    "We were at your house on Tuesday and found no damage on the roof.",
    "Your roof shows no damage and needs no work.",
    "The inspection of your roof takes 30 minutes and is free.",
    "If the roof is fine we will tell you so.",
    "Reply with a day that suits you.",
    "We offer roof inspections in Fort Worth at no cost.",
    "Photographs are free, the roof stays as it is.",
    "Two of your neighbors have asked us for a look at their roofs.",
    "We moved the appointment to Monday at 10.",
    "We will settle the invoice for the tarp ourselves.",
    "A licensed public adjuster or an attorney can help you with your claim; we cannot.",
    "The storm of 28 April brought hail of up to 2 inches within half a mile of your home, as modelled.",
    "Tell us not to write again and we will not.",
]
COMPLETE = {
    "text": "Lone Star Roofing: may we look at your roof? Reply STOP to opt out.",
    "email": "This is Lone Star Roofing, 12 Main Street, Keller, TX 76248. Unsubscribe: {unsubscribe_url}",
    "call": "Hello, this is Maria with Lone Star Roofing.",
    "door": "Hello, my name is Maria, I am with Lone Star Roofing.",
    "mail": "Lone Star Roofing. May we look at your roof?",
}


def said(text):
    return {finding.rule for finding in lint_message(f"{text} Lone Star Roofing. Reply STOP to opt out.", "text")}


@pytest.mark.parametrize(("rule", "text"), [(rule, text) for rule, texts in FORBIDDEN.items() for text in texts])
def test_what_is_forbidden_is_found(rule, text):
    assert rule in said(text)


@pytest.mark.parametrize("text", ALLOWED)
def test_what_a_company_may_say_is_let_pass(text):
    assert said(text) == set()


def test_every_pattern_of_every_rule_is_met():
    texts = [plain(text) for texts in FORBIDDEN.values() for text in texts]
    unmet = [pattern.pattern for rule in RULES for pattern in rule.patterns
             if not any(pattern.search(text) for text in texts)]  # fmt: skip
    assert unmet == []


@pytest.mark.parametrize("text", [
    "WE COVER YOUR DEDUCTIBLE", "We  cover\u00a0your\ndeductible", "we cover your de\u00adduct\u200bible",
    "We *cover* your “deductible”", "we _cover_ __your__ deductible",
    "ＷＥ　ＣＯＶＥＲ　your deductible", "We’ll cover your deductible",
])  # fmt: skip
def test_case_spaces_and_typography_hide_nothing(text):
    assert said(text) == {"deductible"}


def test_a_finding_says_what_why_and_where_from():
    (finding,) = lint_message("Lone Star Roofing: we will waive your deductible. Reply STOP to opt out.", "text")
    assert (finding.rule, finding.phrase) == ("deductible", "waive your deductible")
    assert "27.02(c)" in finding.source
    assert finding.why.startswith("The owner pays the deductible.")
    for rule in RULES:
        assert rule.source
        assert rule.why.endswith(".")


def test_a_denial_covers_its_own_verb_only():
    assert "public adjusting" in said("We do not charge for photos, and we negotiate your claim")
    assert "public adjusting" in said("We do not negotiate your claim. We handle your claim.")
    assert said("We do not negotiate, handle, file or settle your claim") == set()


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_complete_message_passes_and_a_bare_one_does_not(channel):
    assert lint_message(COMPLETE[channel], channel) == []
    missing = {finding.rule for finding in lint_message("may we look at your roof?", channel)}
    wanted = {"no company name"} | ({"no opt-out"} if channel in ("text", "email") else set())
    assert missing == wanted | ({"no postal address"} if channel == "email" else set())


@pytest.mark.parametrize("words", ["Reply STOP to opt out.", "Text STOP to end", "STOP to unsubscribe", "reply stop"])
def test_ways_to_say_stop(words):
    assert lint_message(f"Lone Star Roofing: may we come? {words}", "text") == []


def test_to_stop_by_is_no_way_out():
    (finding,) = lint_message("Lone Star Roofing: we stop by on Monday.", "text")
    assert finding.rule == "no opt-out"


@pytest.mark.parametrize("address", ["P.O. Box 12, Keller", "1200 N Main St, Suite 4, Fort Worth, TX 76102",
                                     "{company_address}"])  # fmt: skip
def test_ways_to_give_an_address(address):
    assert lint_message(f"{{company}}, {address}. Opt-out: reply with 'no more e-mails'.", "email") == []


def test_the_companys_own_name_is_asked_for_where_it_is_known():
    text = "Lone Star Roofing: may we come? Reply STOP to opt out."
    assert lint_message(text, "text", company="Lone Star Roofing") == []
    (finding,) = lint_message(text, "text", company="Trinity Roof & Restoration")
    assert finding.rule == "no company name"
    assert lint_message(text.replace("Lone Star Roofing", "{company}"), "text", company="Trinity") == []


@pytest.mark.parametrize(("when", "rule"), [
    ("2026-05-05 07:59", "quiet hours"), ("2026-05-05 21:00", "quiet hours"), ("2026-05-05 08:30", "Texas hours"),
    ("2026-05-03 11:59", "Texas hours"), ("2026-05-03 12:00", None), ("2026-05-05 09:00", None),
    ("2026-05-05 20:59", None),
])  # fmt: skip
def test_the_hour_on_the_recipients_clock(when, rule):
    moment = datetime.fromisoformat(when)
    for channel in ("call", "text"):
        for at in (moment, moment.replace(tzinfo=UTC)):
            assert [one.rule for one in lint_message(COMPLETE[channel], channel, at)] == ([rule] if rule else [])
    for channel in ("door", "mail", "email"):
        assert lint_message(COMPLETE[channel], channel, moment) == []


def test_there_is_no_such_channel():
    with pytest.raises(BadInput, match="no channel 'fax'"):
        lint_message("hello", "fax")


@pytest.mark.parametrize("name", DEFAULTS)
def test_the_shipped_messages_pass(name):
    DEFAULTS[name].check_messages()
    assert {step.message for step in DEFAULTS[name].steps} == set(DEFAULTS[name].messages)


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=300), st.sampled_from(CHANNELS))
def test_any_text_can_be_read(text, channel):
    for finding in lint_message(text, channel):
        assert finding.phrase == "" or finding.phrase in plain(text)


@pytest.mark.parametrize("text", [
    "no " + "help you pay " * 300 + "your deductible", "handle " + "your " * 3_000, "we " + "a " * 5_000 + " claim",
    "reply " * 3_000, "1 a " * 5_000, "A " * 5_000, "Aa Bb & " * 3_000, "do not negotiate, handle or file " * 300,
    "you or a licensed public adjuster " * 400 + "file your claim", " " * 100_000, "roof " * 4_000,
    "insurance " * 3_000,
])  # fmt: skip
def test_no_text_keeps_the_linter_busy(text):
    began = time.process_time()
    lint_message(text, "text")
    assert time.process_time() - began < 1.5
