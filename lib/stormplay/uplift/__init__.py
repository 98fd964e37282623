"""What a visit adds: how much likelier each owner signs because somebody came, and how well that is known.

Pure, on frames and arrays:

fitting      `fit`: features, treatment and outcome in, a model out
checks       what is refused, and why: too little data, columns that know the answer
encoding     columns of numbers and words as one matrix
base         the two base learners of scikit-learn
learners     S, T, X, DR and the response baseline
crossfit     predictions for homes that the predicting model has not seen
qini         how well a ranking finds them: Qini curve, Qini coefficient, AUUC, with standard errors
calibration  whether the predicted numbers come true: by bins, slope, top k %
reasons      why the model thinks so, home by home, cheap for a million
words        the reasons as sentences
actions      the next best action that consent and contacts leave open

On the database:

features     one row a home of a storm, all of it known before the decision
judging      a fit measured on homes that it has not seen, as sentences
comparing    two versions on the same homes: better, worse, or not to be told apart
writing      a storm's scores, one transaction
scorer       `UpliftScorer`: train, evaluate, compare, score

Names are loaded at their first use: who reads a card need not wait for scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.uplift.actions import next_actions
    from stormplay.uplift.comparing import Comparison
    from stormplay.uplift.crossfit import CrossFitted, cross_fit
    from stormplay.uplift.fitting import fit
    from stormplay.uplift.judging import Evaluation
    from stormplay.uplift.model import UpliftModel
    from stormplay.uplift.qini import Ranking, rank
    from stormplay.uplift.scorer import UpliftScorer

__all__ = [
    "Comparison",
    "CrossFitted",
    "Evaluation",
    "Ranking",
    "UpliftModel",
    "UpliftScorer",
    "cross_fit",
    "fit",
    "next_actions",
    "rank",
]

_ROOMS = {
    "comparing": "Comparison",
    "crossfit": "CrossFitted, cross_fit",
    "judging": "Evaluation",
    "qini": "Ranking, rank",
    "model": "UpliftModel",
    "scorer": "UpliftScorer",
    "fitting": "fit",
    "actions": "next_actions",
}
__getattr__ = lazy.names(__name__, _ROOMS)


def __dir__() -> list[str]:
    return sorted(__all__)
