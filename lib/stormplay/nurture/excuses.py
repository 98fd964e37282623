"""When forbidden words do no harm: a sentence that denies them, or gives the deed to somebody who may do it. Pure.

'We do not handle claims', 'you file the claim', 'no guarantee that your claim will be approved', 'your insurer settles
your claim', 'anyone who offers to waive your deductible breaks the law'.
"""

from __future__ import annotations

import re

from stormplay.nurture.phrases import Rule, filled

# 'We do not negotiate, handle or ' before 'file your claim'; 'no guarantee that ' before 'your claim will be approved'.
_DENIED = re.compile(
    filled(
        r"(?:\b(?:do|does|did|will|would|can|could|may|must|shall|should|are|is|am)(?: ?not|n't)|\bcannot|\bcan't|"
        r"\bwon't|\bnever|\bnot|\bnobody|\bno one|\bnone|\bneither|\bnor|\bno|\bwithout|"
        r"\b(?:illegal|unlawful|against the law)(?: for (?:us|a contractor|contractors))? to|"
        r"\b(?:prohibits?|forbids?|bars?)(?: (?:us|roofers|a contractor|contractors))? (?:to|from))"
        r"(?:[\s,]+(?:or|nor|and|ever|legally|to|be|can|may|will|able|allowed|permitted|also|you|us|directly|offers?|"
        r"promise|say|know|guarantee|that|whether|if|act|help|in|any|way|an?|as|are|provide|give|pay|"
        r"<handle>|<let_off>))*[\s,]*$"
    )
)
# 'If you ' before 'file a claim'; 'your insurer ' before 'settles your claim'; 'anyone who offers to' before a waiver.
_OTHERS = re.compile(
    r"(?<!help )(?<!helps )(?<!helping )(?<!let )(?<!for )(?<!guide )(?<!assist )(?<!get )"
    r"\b(?:you|yourself|(?:home|property )?owners?|policy ?holders?|insured|your insurer|"
    r"(?:your )?(?:insurance )?(?:company|carrier|adjuster)|public (?:insurance )?adjusters?|attorneys?|lawyers?)"
    r"(?: (?:can|may|might|must|should|would|could|will|do|does|decides?|chooses?|wants?|wish(?:es)?|needs?|ha(?:ve|s)|"
    r"are|is|free|then|still|later|already|plan|to|alone|always|only|required|obliged|not|yet|or|and|a|an|licensed|"
    r"public|adjusters?|owners?|attorneys?))*\s*$"
    r"|\b(?:anyone|anybody|whoever|somebody|someone|roofers?|contractors?|compan(?:y|ies)|sellers?) (?:who|that)"
    r"(?: \w+){0,3}\s*$"
    r"|\b(?:before|when|after|if|about|whether|consider|considering)\s+(?:you\s+)?$"
)
_YOURS = re.compile(r"^\s*(?:is|remains|stays|would be)(?: \w+)? (?:your|up to you|between you|yours)\b")
_CONDITION = re.compile(r"\b(?:if|when|once|whether|unless|should|in case)\s*$")
_LOOK = re.compile(filled("<look>"))
_NOT = re.compile(r"\b(?:not|never|cannot|nor|\w+n't)\b")


def excuse(rule: Rule, before: str, phrase: str, after: str) -> bool:
    """Whether a match is let pass: denied, said of somebody else, or only a condition.

    Args:
        rule: The rule that matched.
        before, after: The rest of the sentence on both sides.
        phrase: What matched.
    """
    if not rule.excused:
        return False
    if _DENIED.search(before) or _CONDITION.search(before):
        return True
    if rule.name == "free roof":
        return _LOOK.search(before) is not None
    if "behalf" in phrase:
        return _NOT.search(re.split(r",|\b(?:and|but)\b", before)[-1]) is not None
    return _OTHERS.search(before) is not None or _YOURS.search(after) is not None
