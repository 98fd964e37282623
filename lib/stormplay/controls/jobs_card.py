"""One job: what is known of it, what may come next, what was said, seen and photographed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import ipywidgets as widgets

from stormplay.controls import jobs_sections, markup
from stormplay.controls.asking import row
from stormplay.controls.fields import Fields, needed
from stormplay.controls.guard import Message, checked
from stormplay.controls.jobs_claim import ClaimForm
from stormplay.controls.jobs_photos import Photos
from stormplay.controls.jobs_state import State, Tracker
from stormplay.controls.live import KeptHtml
from stormplay.controls.undo import Done, Outcome
from stormplay.errors import BadInput, Conflict
from stormplay.jobs import evidence
from stormplay.jobs.workflow import check_note

WRITE_IT = "Write what happened, then save."
_THUMB = {"height": "48px", "width": "auto"}


class JobCard:
    """The forms for the picked job.

    Args:
        changed: Called with a job after it was changed, so that the rest of the page follows.

    Attributes:
        widget: What is displayed.
        message, undo_button: Where the outcome is told, and what takes it back.
        fields: What is asked of a note.
        job: The job shown, as `JobTracker.get_job` returns it; None where none is picked.
    """

    def __init__(self, changed: Callable[[dict[str, Any]], None]) -> None:
        self._changed = changed
        self._tracker: Tracker | None = None
        self._state: State | None = None
        self.job: dict[str, Any] | None = None
        self.outcome = Outcome(Message(keeps_place=True))  # others' changes are told there too
        self.message, self.undo_button = self.outcome.message, self.outcome.undo_button
        self.undo_button.layout.height = _THUMB["height"]
        self.head, self.evidence, self.trail = widgets.HTML(), widgets.HTML(), KeptHtml()
        self.next = widgets.Box().add_class("sp-next")
        self.note = widgets.Textarea(placeholder="What happened? It is kept with your name and the time.", rows=2,
                                     layout={"width": "100%"})  # fmt: skip
        self.note_button = widgets.Button(description="Save note", layout=dict(_THUMB))
        self.note_button.on_click(checked(self.message)(lambda _: self._save_note()))
        self.fields = Fields(self.note_button)
        note = self.fields.check(self.note, lambda said: check_note(said) if said.strip() else needed(WRITE_IT)(said))
        self.photos = Photos(self._add_photo, self._remove_photo, lambda photo_id: self._open().get_photo(photo_id))
        self.claim = ClaimForm(self._save_claim)
        self.actions = widgets.VBox([
            widgets.HTML('<h4 class="sp-h4">What comes next</h4>'), self.next, note, row(self.note_button),
        ])  # fmt: skip
        parts = [("Photos", self.photos.widget), ("Damage record", self.claim.widget)]
        self.folds = widgets.VBox([_section(title, content) for title, content in parts])
        self.body = widgets.VBox([self.head, self.outcome.widget, self.actions, self.evidence, self.folds, self.trail])
        self.nothing = widgets.HTML(markup.empty(jobs_sections.PICK_FIRST))
        self.widget = widgets.VBox([self.nothing, self.body])
        self.body.layout.display = "none"

    def show(self, tracker: Tracker | None, state: State | None, job: dict[str, Any] | None) -> None:
        """Show a job, or what to do where none is picked."""
        if job is None or self.job is None or job["job_id"] != self.job["job_id"]:
            self.outcome.forget()
            self.claim.message.clear()
            self.note.value = ""
        self._tracker, self._state, self.job = tracker, state, job
        there = tracker is not None and state is not None and job is not None
        if there:
            self._draw()  # first, so that it comes into view whole
        self.body.layout.display, self.nothing.layout.display = (None, "none") if there else ("none", None)

    def follow(self, state: State, job: dict[str, Any], who: str) -> None:
        """Show what somebody else made of the job; where something is typed and not saved, say so instead.

        Args:
            state: The storm's jobs now.
            job: The job now.
            who: Who changed it last.
        """
        if self.job is None or job["job_id"] != self.job["job_id"] or job["row_version"] <= self.job["row_version"]:
            return
        label = state.workflow.label(str(job["status"]))
        if self.note.value.strip() or self.claim.is_edited:
            self.message.note(f"Changed by {who} meanwhile: it is '{label}' now. What you typed is still here.")
            return
        self._state, self.job = state, job
        self._draw()
        self.message.note(f"Changed by {who}: it is '{label}' now.")

    # ---- drawing

    def _draw(self) -> None:
        job, state, tracker = self._job(), self._known(), self._open()
        self.head.value = jobs_sections.job_head(job, state.workflow)
        self.actions.layout.display = None if state.may_write else "none"
        self.next.children = [self._step(name) for name in state.workflow.legal(str(job["status"]))]
        if not self.next.children:
            self.next.children = [widgets.HTML(markup.note("Nothing follows this status."))]
        lines = evidence.sentences(job, state.reports, state.setting.time_zone)
        told = "".join(f"<li>{markup.text(line)}</li>" for line in lines)
        self.evidence.value = f'<h4 class="sp-h4">The storm here</h4><ul class="sp-evidence">{told}</ul>'
        self._draw_photos()
        self.claim.show(job["claim_intel"], self._links(), may_write=state.may_write)
        self.trail.value = jobs_sections.trail(
            tracker.get_trail(job["job_id"]), state.workflow, state.setting.time_zone
        )

    def _draw_photos(self) -> None:
        job, tracker = self._job(), self._open()
        self.photos.show(job["job_id"], tracker.get_photos(job["job_id"]), tracker.get_missing_shots(job["job_id"]),
                         may_write=self._known().may_write)  # fmt: skip
        self.claim.links(self._links())

    def _step(self, name: str) -> widgets.Button:
        status = self._known().workflow.statuses[name]
        button = widgets.Button(description=status.label, layout=dict(_THUMB)).add_class("sp-step")
        button.on_click(checked(self.message)(lambda _: self._go(name)))
        return button

    def _links(self) -> list[str]:
        return [f"photo:{photo['photo_id']}" for photo in self._open().get_photos(self._job()["job_id"])]

    # ---- acting

    def _go(self, name: str) -> None:
        status = self._known().workflow.statuses[name]
        self._update(status=name, notes=self.note.value.strip() or None)
        self.note.value = ""
        then = " Nobody visits, calls or writes there any more." if status.suppresses else ""
        self.outcome.tell(Done(f"{self._job()['address']} is now '{status.label}'.{then}", self._undo))

    def _save_note(self) -> None:
        if not self.note.value.strip():
            raise BadInput("The note is empty.", "Expected a few words.", "Write what happened, then save.")
        self._update(notes=self.note.value.strip())
        self.note.value = ""
        self.message.good("The note is kept.")

    def _undo(self) -> str:
        job = self._open().undo(self._job()["job_id"], expected_version=self._job()["row_version"])
        self._follow(job)
        return f"Taken back: {job['address']} is '{self._known().workflow.label(job['status'])}' again."

    def _save_claim(self, given: dict[str, Any]) -> str:
        self._update(claim_intel=given)
        return "The damage record is saved."

    def _add_photo(self, name: str, data: bytes, shot: str, keep: bool) -> str:
        job_id = self._job()["job_id"]
        before = len(self._open().get_photos(job_id))
        self._open().add_photo(job_id, data, file_name=name, shot=shot, keep_location=keep)
        self._reread()
        is_new = len(self._open().get_photos(job_id)) > before
        return f"kept, {'with its place' if keep else 'without its place'}." if is_new else "is there already."

    def _remove_photo(self, photo_id: str, back: bool) -> str:
        self._open().remove_photo(photo_id, back=back)
        self._draw_photos()
        return "The photo is back." if back else "The photo is taken out of this job."

    def _update(self, **changes: Any) -> None:
        self.outcome.settle()
        try:
            job = self._open().update_job(self._job()["job_id"], expected_version=self._job()["row_version"], **changes)
        except Conflict:
            kept = self.note.value, self.claim.given() if "claim_intel" in changes else None
            self._reread()  # what the others did is in view; what was typed is still in the form
            self.note.value = kept[0]
            if kept[1] is not None:
                self.claim.show({**self._job()["claim_intel"], **_without_none(kept[1])}, self._links(), may_write=True)
            raise
        self._follow(job)

    def _reread(self) -> None:
        self._follow(self._open().get_job(self._job()["property_id"]))

    def _follow(self, job: dict[str, Any]) -> None:
        self.job = job
        self._draw()
        self._changed(job)

    # ---- what is open

    def _job(self) -> dict[str, Any]:
        if self.job is None:
            raise BadInput(jobs_sections.PICK_FIRST)
        return self.job

    def _open(self) -> Tracker:
        if self._tracker is None:
            raise BadInput(jobs_sections.PICK_FIRST)
        return self._tracker

    def _known(self) -> State:
        if self._state is None:
            raise BadInput(jobs_sections.PICK_FIRST)
        return self._state


def _section(title: str, content: widgets.Widget) -> widgets.Widget:
    return widgets.VBox([widgets.HTML(f'<h4 class="sp-h4">{markup.text(title)}</h4>'), content])


def _without_none(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}
