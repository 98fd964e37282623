"""From the text beside a number to the card of the model that made it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any

import pandas as pd
from sqlalchemy.engine import Connection

from stormplay.registry.moves import history
from stormplay.registry.versions import Version, find


@dataclass(frozen=True)
class Card:
    """What is known of a model's version: where its numbers come from, in sentences (`str`) and in full.

    Attributes:
        version: What was registered.
        moves: When it became or ceased to be champion or challenger, oldest first (columns of `registry.history`).
    """

    version: Version
    moves: pd.DataFrame

    @property
    def places(self) -> list[str]:
        """The places it holds now: 'champion', 'challenger', both or none."""
        newest = self.moves.groupby("alias")["to_version"].last()
        return [str(alias) for alias, holder in newest.items() if holder == self.version.version]

    def sentences(self) -> list[str]:
        """The card as lines to read."""
        one = self.version
        made = f"{one.made_at.astimezone(UTC):%d %B %Y, %H:%M} UTC by {one.made_by}"
        lines = [f"{one.model_version}: {'trained' if one.artifact else 'planted'} {made}."]
        lines += [f"{one.note[0].upper()}{one.note[1:]}."] if one.note else []
        lines += [f"Place: {', '.join(self.places)}."] if self.places else ["It holds no place now."]
        lines += (
            [f"Data: {_listed(one.trained_on)}; fingerprint {one.data_fingerprint[:16]}."] if one.trained_on else []
        )
        lines += [f"Features: {', '.join(one.feature_names)}."] if one.feature_names else []
        said = one.metrics.get("sentences", [])
        lines += [str(sentence) for sentence in said]
        return [*lines, f"Code: {one.code_version}."]

    def __str__(self) -> str:
        return "\n".join(self.sentences())


def trace(connection: Connection, model_version: str) -> Card:
    """The card of the model that a number names.

    Args:
        connection: An open session.
        model_version: The text beside the number, such as 'uplift@3'.

    Raises:
        UnknownModel: No such version is registered with this company.
    """
    found = find(connection, model_version)
    moves = history(connection, found.model_name)
    return Card(found, moves)


def _listed(said: Mapping[str, Any]) -> str:
    parts = []
    for name, value in said.items():
        shown = (
            ", ".join(map(str, value)) if isinstance(value, list) else f"{value:,}" if isinstance(value, int) else value
        )
        parts.append(f"{name.replace('_', ' ')} {shown}")
    return "; ".join(parts)
