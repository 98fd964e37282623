"""`python -m stormplay.cli`."""

from __future__ import annotations

from stormplay.cli import main

main()
