"""Voilà with a login page: one kernel and one short-lived database login for each visit of a page.

app          the server, its routes, its life
frame        what every page has in common
pages        the way in, and a notebook for a visitor
book         a notebook, read and ready to be shown
identity     who is asking
throttle     slows down who guesses passwords
kernels      opens and ends kernels and their logins
environment  what a kernel may know
run          runs a notebook ahead of the browser
channels     the ways to a kernel, each open to its owner alone
assets       static files
"""

from __future__ import annotations

from stormplay.server.app import StormplayServer, check_port, serve

__all__ = ["StormplayServer", "check_port", "serve"]
