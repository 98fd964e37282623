"""Voilà with a login page: one kernel and one short-lived database login for each visit of a page.

app          the server, its routes, its life
frame        what every page has in common
pages        the way in, and a notebook for a visitor
book         a notebook, read and ready to be shown
doors        the way in, the way out, a new password
identity     who is asking
sessions     who is signed in
cookies      their names and flags
proxy        what a proxy before us may tell
throttle     slows down who guesses passwords
listening    a port, and signals to stop
logs         what the log tells
kernels      opens and ends kernels and their logins
environment  what a kernel may know
visits       a visit and what hangs on it
timing       how long its page took
periodic     what goes on beside pages, again and again: its start, turns and end
slos         counts handed over, objectives watched, alerts told
metering     usage summed up
retiring     old history let go
reruns       reports that were asked for on a page, made
metrics      what Prometheus may read
watch        looks after visits: renews logins, ends what has had its time
nursery      the process that holds a kernel's imports and forks
forks        the server's end of it
provision    a kernel from there, for jupyter_client
told         what that kernel's page knows already
run          runs a notebook ahead of the browser
channels     the ways to a kernel, each open to its owner alone
assets       static files
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stormplay import lazy

if TYPE_CHECKING:
    from stormplay.server.app import StormplayServer, serve
    from stormplay.server.listening import check_port

lazy.leave_out_address_grammar()

__all__ = ["StormplayServer", "check_port", "serve"]

# Voilà takes seconds, and a lab needs none of it.
_ROOMS = {"app": "StormplayServer, serve", "listening": "check_port"}
__getattr__ = lazy.names(__name__, _ROOMS)
