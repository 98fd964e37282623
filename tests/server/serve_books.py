"""A server on a folder of notebooks, as a process of its own: `python serve_books.py '{"port": 8001, ...}'`."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from stormplay import server

given = json.loads(sys.argv[1])
server.serve(**{**given, "notebooks": Path(given["notebooks"])})
