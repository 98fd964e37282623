"""What a storm-restoration company may not say, as patterns with the source of each rule. Pure.

Texts come here in plain small letters (see `messages.plain`); `excuses` says which matches are let pass. This is no
legal advice: it finds what is plainly forbidden, and a person reads the rest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

ADJUSTING = "Tex. Ins. Code 4102.051 and 4102.163 (Texas Dept. of Insurance v. Stonewater Roofing, Tex. 2024)"
DEDUCTIBLE = "Tex. Bus. & Com. Code 27.02(c); Tex. Ins. Code 707.002"
FREE = "Tex. Bus. & Com. Code 27.02(c); FTC guide on 'free', 16 CFR 251.1"
DECEPTIVE = "Tex. Bus. & Com. Code 17.46; FTC Act sec. 5, 15 USC 45(a)"
COOLING_OFF = "FTC cooling-off rule, 16 CFR 429.1"
GOVERNMENT = "FTC impersonation rule, 16 CFR part 461; Tex. Bus. & Com. Code 17.46(b)"

# Words that stand for each other; `<name>` in a pattern below.
_WORDS = {
    "insurer": r"(?:insurance(?: compan(?:y|ies))?|insurers?|(?:insurance )?carriers?|(?:insurance )?adjusters?)",
    "handle": r"(?:negotiat(?:e|es|ed|ing|ion of)|handl(?:e|es|ed|ing)|fil(?:e|es|ed|ing)|settl(?:e|es|ed|ing)|"
    r"adjust(?:s|ed|ing)?|manag(?:e|es|ing)|process(?:es|ing)?|submit(?:s|ting)?|maximi[sz](?:e|es|ing)|"
    r"fight(?:s|ing)?|supplement(?:s|ing)?|tak(?:e|es|ing) (?:care of|over)|deal(?:s|ing)? with|open(?:s|ing)?|"
    r"win(?:s|ning)?|get(?:s|ting)?)",
    "care": r"(?:handl(?:e|es|ing)|tak(?:e|es|ing) care of|deal(?:s|ing)? with|manag(?:e|es|ing)|do)",
    "which": r"(?:(?:your|the|a|an|any|all|every|this|their|our customers'?|of|entire|whole|insurance|hail|storm|roof|"
    r"roofing|damage|property|homeowners?'?s?) ){1,5}",
    "let_off": r"(?:waiv(?:e|es|ing)|cover(?:s|ing)?|pay(?:s|ing)?|absorb(?:s|ing)?|eat(?:s|ing)?|rebat(?:e|es|ing)|"
    r"credit(?:s|ing)?|refund(?:s|ing)?|discount(?:s|ing)?|offset(?:s|ting)?|forgiv(?:e|es|ing)|forget about|"
    r"tak(?:e|es|ing) care of|handl(?:e|es|ing)|match(?:es|ing)?|reimburs(?:e|es|ing)|sav(?:e|es|ing)|keep(?:s|ing)?|"
    r"reduc(?:e|es|ing)|lower(?:s|ing)?|eliminat(?:e|es|ing)|remov(?:e|es|ing)|skip(?:s|ping)?|bur(?:y|ies|ying)|"
    r"hid(?:e|es|ing)|avoid(?:s|ing)?|get(?:ting)? (?:rid of|around)|work(?:s|ing)? (?:around|with)|"
    r"help(?:s|ing)?(?: you)?(?: to)? (?:with|pay|cover|avoid))",
    "of_it": r"(?:(?:you|your|the|a|an|any|all|some|part|half|of|entire|whole|full|owner'?s|homeowner'?s|insurance|for|"
    r"up|to|off|towards?|with|on|back|\$?\d[\d,.]*) ){0,6}",
    "deductible": r"deduct[ai]bles?",
    "look": r"(?:inspections?|checks?|check-?ups?|assessments?|estimates?|evaluations?|looks?|surveys?|quotes?|"
    r"reports?|consultations?|photos?|photographs?|pictures?|reviews?|examinations?|visits?)",
    "new": r"(?:(?:new|brand[- ]new|replacement|full|complete|hail|storm|total|whole|entire|metal|shingle|upgraded|"
    r"premium) ){0,3}",
    "for_nothing": r"(?:free|(?:no|zero) (?:additional |extra )?(?:cost|charge)|nothing|\$ ?0)",
    "authority": r"(?:fema|hud|tdi|federal(?:ly)?|government(?:al)?|state|county|city|municipal|"
    r"texas department of insurance)",
    "office": r"(?:fema|hud|tdi|the (?:federal |state |city |county )?(?:government|state|city|county)|"
    r"the texas department|your (?:city|county))",
    "backed": r"(?:approved|sponsored|backed|endorsed|authorized|certified|funded|mandated|required)",
}


def _all(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(filled(pattern)) for pattern in patterns)


def filled(pattern: str) -> str:
    """A pattern with the words for each `<name>` in it."""
    return re.sub(r"<(\w+)>", lambda found: _WORDS[found[1]], pattern)


@dataclass(frozen=True)
class Rule:
    """One rule: its name, why it is there, its source, and the patterns that break it.

    Attributes:
        excused: Whether a denial or another subject lets a match pass.
    """

    name: str
    why: str
    source: str
    patterns: tuple[re.Pattern[str], ...]
    excused: bool = True


RULES = (
    Rule(
        "public adjusting",
        "A contractor who may do the work may not negotiate, file, handle or settle the claim, nor advertise that it "
        "does. Say that you document damage.",
        ADJUSTING,
        _all(
            r"\b<handle> <which>claims?\b(?! (?:number|form|adjuster))",
            r"\b(?:negotiat(?:e|es|ing)|handl(?:e|es|ing)|settl(?:e|es|ing)|fil(?:e|es|ing)|adjust(?:s|ing)?) "
            r"claims?\b",
            r"\b(?:negotiat(?:e|es|ing)|fight(?:s|ing)?|argu(?:e|es|ing)|deal(?:s|ing)?)(?: \w+){0,4} "
            r"(?:with|against) (?:your|the|any|all) <insurer>",
            r"\b<care>(?: \w+){0,2} insurance (?:paperwork|process|part|side|hassle|work|forms|matters)\b",
            r"\b(?:handl(?:e|es|ing)|tak(?:e|es|ing) care of|manag(?:e|es|ing))(?: \w+){0,3} "
            r"with (?:your|the) <insurer>",
            r"\bwe(?:'ll| will)? fight for (?:you|your|homeowners)\b",
            r"\bwork(?:s|ing)?(?: \w+){0,3} with (?:your|the|any|all) <insurer>",
            r"\b(?:we|i|our \w+)(?:'ll| will| can| could)?(?: \w+)? (?:talk|speak|communicate|deal|argue)s? "
            r"(?:to|with) (?:your|the) <insurer>",
            r"\bon (?:your|their|the (?:home)?owner'?s?) behalf\b|"
            r"\bon behalf of (?:you\b|the (?:home)?owner|our (?:customers|clients))",
            r"\b(?:insurance|claims?) (?:claims? )?(?:specialists?|experts?|advocates?|negotiators?|professionals?|"
            r"assistance|handling|negotiations?|management)\b|\b(?:insurance )?claims? approvals?\b",
            r"\b(?:we|i)(?: are|'re| am|'m)(?! not)(?: \w+){0,3} (?:public )?(?:insurance )?adjusters?\b|"
            r"\bas your (?:public )?(?:insurance )?adjuster\b",
            r"\b(?:we|i)(?:'ll| will| can)? (?:represent|advocate for) (?:you|homeowners|owners)\b|"
            r"\byour (?:insurance |claims? )?advocate\b",
            r"\bget(?:s|ting)? (?:you |your )?(?:the |a )?(?:most|maximum|max|full|fair|every (?:penny|dollar|cent)|"
            r"everything|what you)\b(?: [\w'%$]+){0,8} (?:<insurer>|claims?|settlement|deserve|owed|entitled)\b",
            r"\bget(?:s|ting)? (?:your|the|every|all) (?:insurance |hail |storm |roof )*(?:claims?|roof|damage) "
            r"(?:approved|paid|covered)\b|\bget(?:s|ting)? \w+ paid by (?:your |their |the )?<insurer>",
            r"\b(?:get|make|have) (?:your |the )?<insurer> (?:to )?(?:pay|cover|approve)\b",
            r"\bclaims?,? (?:is |are )?(?:handled|negotiated|filed|settled|managed) (?:by (?:us|our)|for you)\b|"
            r"\bclaims? (?:handled|negotiated|filed|settled)\b(?! (?:by|with))|"
            r"\bleave (?:the|your) (?:claim|insurance|paperwork|adjuster)(?: \w+)? to us\b",
            r"\b(?:help|assist|guide|walk|support)(?:s|ing)? (?:you )?(?:to |with |in |through )?(?:file|filing|submit|"
            r"submitting|negotiat(?:e|ing)|settl(?:e|ing)|handl(?:e|ing)|(?:your|the|an?) (?:\w+ )?claims?\b)",
        ),
    ),
    Rule(
        "deductible",
        "The owner pays the deductible. To advertise that it is waived, paid, rebated or credited is an offence.",
        DEDUCTIBLE,
        _all(
            r"\b<let_off> <of_it><deductible>\b",
            r"\b(?:rebate|credit|discount|refund|cash)s? (?:equal to|worth|of|for|in the amount of) "
            r"(?:(?:your|the|full|whole) ){0,3}<deductible>",
            r"\$\d[\d,.]*(?: back| cash| credit| rebate){0,2} (?:off|on|towards?|against|for) "
            r"(?:your |the )?<deductible>",
            r"\b<deductible>[?,.!:; -]+(?:we|we've|we'll|let us)(?: \w+){0,2} "
            r"(?:pay|cover|waive|handle|absorb|eat|got|take care of) (?:it|that|this)\b",
            r"\b<deductible>(?: is| are| will be| gets?| can be|'s)?(?: \w+)? (?:waived|covered|free|on us|"
            r"paid (?:by us|for)|taken care of|absorbed|forgiven|refunded|rebated|credited|gone|zero|\$0)\b",
            r"(?:\bno|\bzero|\$0|\bwithout (?:a|any|your|paying (?:a|any|your|the))) <deductible>\b",
            r"\b<deductible> (?:assistance|help|relief|programs?|discounts?|rebates?|credits?|coupons?|savings|"
            r"match(?:ing)?)\b",
        ),
    ),
    Rule(
        "deductible",
        "The owner pays the deductible. To promise that nothing is left to pay is to promise that it is waived.",
        DEDUCTIBLE,
        _all(
            r"\byou(?:'ll)?(?: will| do| would| need)? ?(?:not|never|won't|don't|wouldn't|needn't)(?: \w+){0,3} "
            r"pay(?: \w+){0,2} <deductible>",
            r"\byou (?:\w+ )?(?:keep|save) your <deductible>\b|\bworry about (?:the|your|a|any) <deductible>\b",
            r"(?:\b(?:no|zero|nothing|none|without(?: any)?)|\$ ?0)(?: \w+){0,2} out[- ]of[- ](?:your )?pocket\b",
        ),
        excused=False,
    ),
    Rule(
        "free roof",
        "No roof is free: the insurer pays, less the owner's deductible. A free look at a roof may be called free.",
        FREE,
        _all(
            r"\bfree <new>(?:roofs?|roofing)\b(?!(?: damage| and gutter)? <look>)",
            r"\broofs?(?: replacements?| repairs?)? "
            r"without (?:paying|spending) (?:a (?:cent|dime|penny|dollar)|anything|money)\b",
            r"\broofs?(?: replacements?| repairs?)?,?(?: (?:is|are|will be|comes|completely|absolutely|totally|100%|"
            r"for|at)){0,4} <for_nothing>\b(?! (?:from|of (?!charge)))",
            r"\broofs?(?: (?:is|are|was|were|will be|gets?|can be))?(?: completely)? "
            r"(?:replaced|repaired|installed|done)(?: \w+)? "
            r"(?:for free|free\b|for nothing|at (?:no|zero) (?:cost|charge))",
            r"\broofs?(?: replacements?| repairs?)?(?: \w+){0,3} (?:costs? you nothing|"
            r"(?:won't|will not|doesn't|does not) cost you)\b",
            r"(?:\$ ?0|\bzero[- ]cost|\bno[- ]cost) (?:(?:new|replacement|full) )?roofs?\b",
            r"\broofs? (?:paid|covered) (?:for )?(?:100%|in full|entirely|completely)(?: by (?:your )?insurance)?",
        ),
    ),
    Rule(
        "guaranteed approval",
        "Only the insurer decides. Nobody else can promise that a claim is approved or paid.",
        DECEPTIVE,
        _all(
            r"\bguarantee(?:s|d)?(?: (?:you|your|that|we|get|an?|the|full|fast|100%|insurance|claims?|roof)){0,6} "
            r"(?:approvals?|approved|coverage|pay-?outs?|payments?|settlements?|acceptance|(?:will )?be approved)\b",
            r"\b(?:approvals?|claims?)(?: is| are)?(?: \w+)? guaranteed\b|\bguaranteed (?:insurance |claims? )",
            r"\bguarantee(?:s|d)?(?: you)? (?:an?|your) (?:new|free|full) roof\b|"
            r"\bguaranteed to be (?:covered|approved|paid|accepted|replaced)\b",
            r"\b(?:100 ?%|99 ?%) (?:insurance |claims? )*(?:approvals?|approved|success)\b",
            r"\byour (?:insurance )?claim(?: will| is going to| is sure to|'ll)(?: \w+)? (?:be )?"
            r"(?:approved|paid|accepted)\b",
            r"\b(?:all|every|each)(?: of)?(?: our)? claims? (?:gets?|are|is) (?:approved|paid)\b|"
            r"\bnever (?:been denied|lost a claim)\b",
            r"\byou(?:'re| are|'ve been| have been| were) (?:pre-?)?approved\b|"
            r"\bpre-?approved (?:for )?(?:an? )?(?:new )?(?:roof|claim)",
            r"\b<insurer> (?:will|is going to|always|has to|must|pays?|covers?)(?: (?:pay|cover|buy|always|certainly|"
            r"fully|for|you|your|the|an?|whole|entire|full|new|all|of)){1,7} "
            r"(?:roof|damage|it|everything|replacement)\b",
        ),
    ),
    Rule(
        "false urgency",
        "Pressure of time that does not exist, or fear of a loss that does not threaten, is deceptive.",
        DECEPTIVE,
        _all(
            r"\bact (?:now|fast|quickly|today|immediately)\b|(?<!no )\bhurry\b|\burgent(?:ly)?\b|"
            r"\btime is running out\b|\btoo late\b|\blimited[- ]time\b|\btoday only\b|\bonly today\b",
            r"(?<!you )\bdon't (?:wait|delay|miss)\b(?! for)|\b(?:window|deadline) (?:is )?(?:clos|end|approach|near)",
            r"\b(?:final|last) (?:notice|warning|chance|call|opportunity|reminder)\b",
            r"\b(?:offer|price|deal|discount|special)s?(?: \w+){0,3} (?:ends?|expires?|is over)\b|"
            r"\bexpires? (?:today|tonight|tomorrow|at midnight|soon)\b",
            r"\bimmediate (?:action|attention|response)\b|\b(?:must|have to|need to) (?:respond|act|call|sign|reply)"
            r"(?: \w+)? (?:by|before|within|today|now|immediately)\b",
            r"\b(?:only|just) \d+ (?:spots?|slots?|places?|days?|hours?|appointments?) (?:left|remaining|open)\b",
            r"\bor (?:you )?(?:will )?(?:lose|forfeit) (?:your|the|all)\b",
            r"\b(?:you|your) (?:\w+ )?(?:will|could|may|might|can) (?:lose|be (?:cancell?ed|dropped|denied))\b"
            r"(?! (?:shingles|granules))",
        ),
        excused=False,
    ),
    Rule(
        "right to cancel",
        "A sale made at home may be cancelled for three business days; to say otherwise is a deceptive act.",
        COOLING_OFF,
        _all(
            r"\b(?:you )?(?:can ?not|can't|may not)(?: be)? (?:cancel(?:l?ed)?|back out)\b|\bnon-?cancell?able\b|"
            r"\bno cancell?ations?\b|\b(?:all )?sales? (?:are|is) final\b",
            r"\bwaiv(?:e|es|ing)(?: \w+){0,2} (?:(?:three|3)[- ](?:business )?days?|right to cancel)\b",
            r"\bbinding (?:today|now|immediately|on signature)\b",
        ),
        excused=False,
    ),
    Rule(
        "government",
        "To seem to be, or to be backed by, a government or its agency is a violation.",
        GOVERNMENT,
        _all(
            r"\b<authority>(?:[- ](?:government|agency))?[- ](?:<backed>|grants?|inspectors?|"
            r"(?:(?:storm|roof|roofing|hail|relief|inspection|assistance|disaster) ){0,3}programs?)",
            r"\b(?!required|mandated)<backed> by <office>|\bon behalf of <office>",
            r"\bwork(?:s|ing)?(?: \w+)? with (?:fema|hud|the (?:federal |state )?government|the texas department)",
            r"\b(?:we are|we're|i am|i'm|this is|calling) (?:\w+ )?(?:from|with) <office>",
            r"\bofficial (?:government|state|city|county|storm|hail|damage)(?: \w+)? "
            r"(?:notice|inspection|program|notification)\b",
        ),
        excused=False,
    ),
)
