"""The demo: real hail over Tarrant County, Texas, and two synthetic companies that work after it.

Real are the hail reports of 17 March 2016, 28 April 2020 and 28 April 2021 (NOAA). The swaths are modelled from
them. Everything else is made here from a seed and says so: streets are named after roof parts, people after
placeholders, telephone numbers are the fiction range 555-0100 to 555-0199, e-mail goes to example.com and
example.org, and every home has is_synthetic.

The same seed gives the same rows. `build` makes them without a database, `load` puts them into one.

What is planted, with the default seed (treated and held-out homes, and the mean of the true effect over both):

    tenant     storm       treat  hold_out  effect  base
    lone-star  2021-04-28   2235       562  0.1345  0.0461
    lone-star  2020-04-28   1317       335  0.0774  0.0374
    lone-star  2016-03-17    482       121  0.1262  0.0410
    trinity    2021-04-28    588       154  0.1330  0.0478
    trinity    2020-04-28    380        92  0.0852  0.0400

`truth` has the rule behind it: `base_rate` and `true_effect`, both of modelled hail size and roof age; the effects are
larger than those of real visits, on purpose. A home is drawn for the holdout by a hash before anything else is looked
at (`decisions`), outcomes follow the truth as decided, whether or not somebody opened the door (`outcomes`). `defects`
counts the faults that are in the data on purpose. The default seed is one of two dozen, taken because no storm came out
as a freak: each seen difference is within one standard error of what is planted.

What each storm shows: of the two past storms all outcomes, the routes driven and the jobs done are there. Of the main
storm, 2021-04-28, every decision is made, no route is planned yet and nobody has knocked; a first wave of homes (half
of lone-star's, a fifth of trinity's, drawn by hash in both arms) was called or written to, and its outcomes are known.
Trinity never decided on 2016-03-17: an empty page to look at.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy
from stormplay.demo.cast import COMPANIES, MAIN_STORM, PASSWORD, PEOPLE, SEED, STORMS, Company, DemoPerson, Storm
from stormplay.demo.loading import Loaded, load

if TYPE_CHECKING:
    from stormplay.demo.building import Demo, TenantDemo, build
    from stormplay.demo.truth import AGE_FACTOR, BASE_RATE, EFFECT_BY_BAND, base_rate, true_effect

__all__ = [
    "AGE_FACTOR",
    "BASE_RATE",
    "COMPANIES",
    "EFFECT_BY_BAND",
    "MAIN_STORM",
    "PASSWORD",
    "PEOPLE",
    "SEED",
    "STORMS",
    "Company",
    "Demo",
    "DemoPerson",
    "Loaded",
    "Storm",
    "TenantDemo",
    "base_rate",
    "build",
    "load",
    "true_effect",
]

# Who finds the demo in the database needs nothing of what makes it.
_ROOMS = {
    "building": "Demo, TenantDemo, build",
    "truth": "AGE_FACTOR, BASE_RATE, EFFECT_BY_BAND, base_rate, true_effect",
}
__getattr__ = lazy.names(__name__, _ROOMS)
