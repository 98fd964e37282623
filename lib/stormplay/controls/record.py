"""The numbers a notebook records at its end, for tests and service levels."""

from __future__ import annotations

from typing import Any

from stormplay.controls import markup

MIME = "application/vnd.stormplay.scalars+json"


class Recorded(dict[str, Any]):
    """Plain scalars by name; a page shows them folded away, an executed notebook carries them under `MIME`."""

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        rows = [[name, value] for name, value in self.items()]
        shown = markup.details("Recorded numbers", markup.table(["Name", "Value"], rows, numeric=(1,)))
        return {MIME: dict(self), "text/html": shown}
