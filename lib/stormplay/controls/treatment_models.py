"""How the page of the treatment says whether the model can be believed. What is known in, HTML out."""

from __future__ import annotations

from typing import Any

import pandas as pd

from stormplay.controls import markup
from stormplay.controls.treatment_state import Believed

LEARNERS = {
    "x": "X-learner: both arms, each corrected by the other",
    "dr": "DR-learner: doubly robust",
    "t": "T-learner: one model an arm",
    "s": "S-learner: one model, visit as a column",
}
VERDICTS: dict[str, markup.Tone] = {"better than chance": "good", "worse than chance": "bad"}
NEWEST = 8  # versions and moves that stand on the page
NO_MODEL = (
    "No model of this company has been trained yet, so there is nothing to measure. Training needs a storm with known "
    "outcomes in both arms."
)


def origin(models: Believed) -> str:
    """Which model made the numbers of this storm, with its card."""
    return "".join(
        _origin(name, card) for name, card in zip(models.named, models.cards, strict=True)
    ) + _not_champion(models)  # fmt: skip


def _origin(name: str, card: Any) -> str:
    if card is None:
        return markup.empty(f"'{name}' is not registered: nobody can say how these numbers were made.")
    one = card.version
    rows = [
        ["Version", _placed(one.model_version, card.places)],
        ["Made", f"{'trained' if one.artifact else 'planted'} {one.made_at:%d %b %Y, %H:%M} UTC by {one.made_by}"],
        ["Note", one.note or "–"],
        ["Trained on", _trained(one)],
        ["Data", one.data_fingerprint[:16] or "nothing was seen"],
        ["File", one.artifact_sha256[:16] if one.artifact_sha256 else "no artifact"],
        ["Code", one.code_version],
    ]
    table = f'<div class="sp-explained">{markup.table(["", ""], rows)}</div>'
    return markup.details(f"The card of {one.model_version}, which made the numbers of this storm", table)


def _placed(name: str, places: list[str]) -> str:
    return f"{name} ({', '.join(places)})" if places else name


def _trained(version: Any) -> str:
    said = version.trained_on
    if not said:
        return "no outcomes"
    storms = ", ".join(map(str, said.get("storms", [])))
    return (
        f"{said.get('homes', 0):,} homes ({said.get('treated', 0):,} treated, {said.get('held_out', 0):,} held out, "
        f"{said.get('signed', 0):,} signed) of {storms}"
    )


def _not_champion(models: Believed) -> str:
    if models.champion is None or models.champion.model_version in models.named:
        return ""
    return markup.note(
        f"The champion is {models.champion.model_version}; the numbers of this storm are not its own. Score the "
        "storm to have them."
    )


def quality(models: Believed) -> str:
    """How well the champion, or without one the challenger, does on homes that it has not seen."""
    one = models.shown
    if one is None:
        return markup.empty(NO_MODEL)
    place = "champion" if models.champion is one else "challenger"
    verdict = str(one.metrics.get("verdict", "too early to say"))
    badge = markup.badge(verdict, VERDICTS.get(verdict, "warn"))
    said = [str(sentence) for sentence in one.metrics.get("sentences", [])]
    rest = "".join(f"<li>{markup.text(sentence)}</li>" for sentence in said)
    head = f"<h4>{markup.text(one.model_version)}, the {place} {badge}</h4>"
    return f"{head}<ul>{rest}</ul>"


def strongest(models: Believed) -> str:
    """Which features move the predictions most."""
    one = models.shown
    found = [] if one is None else one.metrics.get("strongest", [])
    if not found:
        return ""
    rows = [[str(row["feature"]).replace("_", " "), f"{row['points']:.2f}"] for row in found]
    said = markup.note(
        "How much each feature moves a prediction on average, up or down, in signatures of a hundred homes. It "
        "explains the model, not the world."
    )
    table = markup.table(["Feature", "Moves the prediction by"], rows, numeric=(1,))
    return markup.details("What moves the predictions most", said + table)


def versions(models: Believed) -> str:
    """All versions with their quality and place, and who moved whom."""
    if models.versions.empty:
        return ""
    champion, challenger = (None if one is None else one.version for one in (models.champion, models.challenger))
    rows = []
    for row in models.versions.head(NEWEST).to_dict("records"):
        number = int(row["version"])
        places = [word for word, held in (("champion", champion), ("challenger", challenger)) if held == number]
        rows.append([
            _placed(str(row["model_version"]), places), _qini(row["metrics"]),
            f"{LEARNERS.get(str(row['params'].get('learner')), 'another learner').split(':')[0]}, "
            f"{row['trained_on'].get('homes', 0):,} homes · "
            f"{row['made_at']:%d %b %Y, %H:%M} · {row['made_by']}",
        ])  # fmt: skip
    table = markup.table(["Version", "Qini ± s. e.", "Learner · when, UTC · by whom"], rows, numeric=(1,))
    return f'<h4>Versions</h4><div class="sp-explained">{table}</div>{_moves(models.moves)}'


def _qini(metrics: Any) -> str:
    value, error = metrics.get("qini"), metrics.get("qini_se")
    return "–" if value is None or error is None else f"{value:.4f} ± {error:.4f}"


def _moves(moves: pd.DataFrame) -> str:
    if moves.empty:
        return ""
    rows = [
        [f"{row['moved_at']:%d %b %Y, %H:%M}", f"{str(row['act']).replace('_', ' ')}: {row['alias']}",
         f"{_number(row['from_version'])} → {row['to_version']}", f"{row['reason']} · {row['moved_by']}"]
        for row in moves.iloc[::-1].head(NEWEST).to_dict("records")
    ]  # fmt: skip
    table = markup.table(["When, UTC", "Move", "Version", "Why · by whom"], rows, numeric=(2,))
    return markup.details("Who was moved to which place, and why", f'<div class="sp-explained">{table}</div>')


def _number(value: Any) -> str:
    return "none" if value is None or pd.isna(value) else f"{value}"


def standing(models: Believed) -> str:
    """What waits: a challenger, or nothing."""
    if models.is_open:
        waits, holder = models.challenger.model_version, models.champion
        against = "there is no champion yet" if holder is None else f"the champion is {holder.model_version}"
        return markup.note(f"{waits} waits as challenger; {against}.")
    return markup.note("No challenger waits." if models.challenger is None else "The challenger is the champion.")


def compared(comparison: Any) -> str:
    """Two versions on the same homes, in words."""
    tones: dict[str, markup.Tone] = {"better": "good", "worse": "bad"}
    badge = markup.badge(comparison.word, tones.get(comparison.word, "warn"))
    return f'<p class="sp-lead">{badge}<br>{markup.text(comparison.sentence)}</p>'
