"""What to do next for a storm: the first act of the story that is not done, then what raises its score most. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from stormplay.score import Counts
from stormplay.score.raising import cheapest_raise


@dataclass(frozen=True)
class Step:
    """What to do next.

    Attributes:
        do: In the imperative, such as 'Generate routes'.
        why: The numbers behind it, in a sentence.
        page: The notebook where it is done.
    """

    do: str
    why: str
    page: str


@lru_cache(maxsize=4_096)
def next_step(status: str, homes_hit: int, counts: Counts, since: str = "") -> Step:
    """What to do next for a storm.

    Args:
        status: 'watching', 'active' or 'closed'.
        homes_hit: Homes that the storm is modelled to have hit.
        counts: What its score is made of.
        since: What has happened since its data were checked, in words such as 'routes were planned'; '': nothing.

    Returns:
        The step; there always is one, if only to look on.
    """
    return _to_begin(status, homes_hit, counts) or _to_raise(counts, since)


def _to_begin(status: str, homes_hit: int, counts: Counts) -> Step | None:
    """The first act of the story that is not done; None: all are under way."""
    if status == "closed":
        return Step("Read what it was worth", "The storm is closed.", "score")
    if not counts.decided:
        if not homes_hit:
            return Step("Watch it come in", "No home is known to be hit yet.", "storm_live")
        return Step("Decide whom to visit", f"{homes_hit:,} homes were hit and none has a decision yet.", "treatment")
    if counts.treat and not counts.total:
        return Step("Generate routes", f"{counts.treat:,} homes are to be visited and no crew has a route yet.",
                    "phase3_routes")  # fmt: skip
    if counts.total and not counts.completed:
        return Step("Hand the routes out", f"None of {counts.total:,} jobs is completed yet.", "phase4_jobs")
    return None


def _to_raise(counts: Counts, since: str) -> Step:
    raising = cheapest_raise(counts, since)
    if raising.empty:
        return Step("Read what it was worth", "No part of the score is left to raise.", "score")
    first = raising.iloc[0]
    return Step(str(first["step"]), str(first["sentence"]), str(first["page"]))
