"""Who is this: one household across homes, calls, claims, forms and devices.

graph        `IdentityGraph`: look up, record, merge, take back, decide
kinds        what an identifier can be, limits, strengths, and what they may be used for
normal       one spelling for what is written in many ways (`contacts`, `places`)
sightings    pure: what was seen together, as nodes and links
components   pure: which nodes are one identity
homes        the book of homes, taken into the graph
writing      nodes and links inside a transaction
settling     which identities meet or part around a change, and what is written down of it (`events`)
deciding     what people say: merge, separate, take back (`answering`: yes or no to proposals)
rulebook     a company's own limits and blocked values
finding      from what somebody types to the households that may be meant (`suggesting`)
figures      the graph in numbers
lookup       from a value to its identity, from an identity to what belongs to it
"""

from stormplay.identity.graph import IdentityGraph
from stormplay.identity.homes import Absorbed, absorb, absorb_some
from stormplay.identity.kinds import Rules
from stormplay.identity.nights import Night, nightly

__all__ = ["Absorbed", "IdentityGraph", "Night", "Rules", "absorb", "absorb_some", "nightly"]
