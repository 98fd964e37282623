"""The photos of a job: several at once, each with its outcome; what an inspection still lacks; one in full size."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import ipywidgets as widgets

from stormplay.controls import markup
from stormplay.controls.guard import checked
from stormplay.controls.live import Upload
from stormplay.controls.undo import Done, Outcome
from stormplay.jobs.picture import MOST_BYTES, SHOTS

_TALL = {"height": "40px", "width": "auto"}


class Photos:
    """Upload, gallery and checklist.

    Args:
        add: Takes a file's name, its bytes, its kind of shot and whether to keep the place in it; returns what to say.
        remove: Takes a photo_id and whether to put it back; returns what to say.
        full: Gives a picture's bytes and media type by photo_id.

    Attributes:
        widget: What is displayed.
        message: Where the outcome is told.
        upload: The files' way in.
    """

    def __init__(
        self,
        add: Callable[[str, bytes, str, bool], str],
        remove: Callable[[str, bool], str],
        full: Callable[[str], tuple[bytes, str]],
    ) -> None:
        self._remove, self._full = remove, full
        self.outcome = Outcome()
        self.message, self.undo_button = self.outcome.message, self.outcome.undo_button
        self.shot = widgets.Dropdown(options=[(words, name) for name, words in SHOTS.items()], value="other",
                                     description="They show", style={"description_width": "6em"},
                                     layout={"width": "min(26em, 100%)"})  # fmt: skip
        self.keep = widgets.Checkbox(
            value=False, indent=False, description="Keep the place where they were taken (else it is removed)"
        )
        self.upload = Upload(
            lambda name, data: add(name, data, self.shot.value, self.keep.value), label="Add photos", multiple=True,
            accept="image/jpeg,image/png,image/webp", most_mb=MOST_BYTES // 2**20,
            hint="JPEG, PNG or WebP, several at once, or drop them here.",
        )  # fmt: skip
        self.missing, self.gallery, self.large = widgets.HTML(), widgets.Box(), widgets.VBox()
        self.gallery.add_class("sp-gallery")
        self.form = widgets.VBox([self.shot, self.keep, self.upload])
        self.widget = widgets.VBox([self.missing, self.gallery, self.large, self.outcome.widget, self.form])

    def show(
        self, job_id: str, photos: Sequence[Mapping[str, Any]], missing: Sequence[str], *, may_write: bool
    ) -> None:
        """Show the photos of a job."""
        if self.upload.subject != job_id:
            self.outcome.forget()
            self.large.children = ()
        self.upload.subject = job_id
        self.form.layout.display = None if may_write else "none"
        lacks = "".join(f"<li>{markup.text(words)}</li>" for words in missing)
        self.missing.value = (
            f'<p class="sp-note">An inspection still lacks:</p><ul class="sp-missing">{lacks}</ul>' if lacks
            else markup.good("Every kind of shot that an inspection needs is there.")
        )  # fmt: skip
        self.gallery.children = [self._tile(photo, may_write) for photo in photos]

    def _tile(self, photo: Mapping[str, Any], may_write: bool) -> widgets.Widget:
        words = SHOTS.get(photo["shot"], photo["shot"])
        small = base64.b64encode(photo["thumbnail"]).decode("ascii")
        place = " · place kept" if photo["keeps_location"] else ""
        picture = widgets.HTML(
            f'<img class="sp-thumb" src="data:image/jpeg;base64,{small}" alt="{markup.text(words)}">'
            f'<p class="sp-note">{markup.text(words)}<br>{markup.text(photo["added_by"])}{place}</p>'
        )
        opens = widgets.Button(description="Open", layout=dict(_TALL))
        opens.on_click(checked(self.message)(lambda _: self._open(photo)))
        buttons = [opens]
        if may_write:
            gone = widgets.Button(description="Remove", layout=dict(_TALL))
            gone.on_click(checked(self.message)(lambda _: self._take_out(str(photo["photo_id"]))))
            buttons.append(gone)
        return widgets.VBox([picture, widgets.HBox(buttons, layout={"grid_gap": "8px"})]).add_class("sp-tile")

    def _open(self, photo: Mapping[str, Any]) -> None:
        data, kind = self._full(str(photo["photo_id"]))
        close = widgets.Button(description="Close", layout=dict(_TALL))
        close.on_click(checked(self.message)(lambda _: setattr(self.large, "children", ())))
        encoded = base64.b64encode(data).decode("ascii")
        name = markup.text(markup.file_name(photo["file_name"]))
        shown = widgets.HTML(
            f'<img class="sp-large" alt="{name}" src="data:{kind};base64,{encoded}">'
            f'<a class="sp-button" download="{name}" href="data:{kind};base64,{encoded}">Save this photo</a>'
        )
        self.large.children = (shown, close)

    def _take_out(self, photo_id: str) -> None:
        self.outcome.tell(Done(self._remove(photo_id, False), lambda: self._remove(photo_id, True)))
