"""Changes of a company as they are committed, told to who shows them.

hearing  LISTEN on the event loop, without a thread: `subscribe`, every change of a company
page     `Live`, the changes of one storm for a page: gathered, at most two calls a second

The database tells ids alone (sql/0064), on a channel whose name it gives to members of the company and changes when
somebody is thrown out. Whoever hears of a change reads again under their own rights; a forged message can only make
pages of its own company read again.
"""

from __future__ import annotations

from stormplay.live.hearing import EVERYTHING, Change, subscribe
from stormplay.live.page import Live

__all__ = ["EVERYTHING", "Change", "Live", "subscribe"]
