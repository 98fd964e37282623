"""Hand a route out: give it to a crew, take its stops along as a file."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets

from stormplay.controls import markup, sections
from stormplay.controls.fields import Fields, needed
from stormplay.controls.guard import Message, checked
from stormplay.controls.live import KeptHtml
from stormplay.controls.plan import Plan
from stormplay.controls.undo import Done, Outcome
from stormplay.visits import check_crew

NAME_IT = "Name the crew that shall have it."


class HandOut:
    """The forms for the picked route.

    Args:
        assign: Gives the picked route to a crew (None takes it back) and returns what to say; a further argument is
            the crew that must have it now.
        csv: Returns the picked route's file.
        shorten: Puts the rest of the picked route into a shorter order and returns what to say.
        pack: Says where the picked route's pack is made, as HTML.

    Attributes:
        widget: What is displayed.
        message: Where the outcome is told.
        outcome: The same, with 'Undo'.
        fields: What is asked of the crew's name.
    """

    def __init__(
        self, assign: Callable[..., str], csv: Callable[[], str], shorten: Callable[[], str], pack: Callable[[], str]
    ) -> None:
        self._assign, self._csv, self._pack = assign, csv, pack
        self.outcome = Outcome(Message(keeps_place=True))  # others' changes are told there too
        self.message = self.outcome.message
        self.head, self.pack, self.stops = widgets.HTML(), widgets.HTML(), KeptHtml()
        self.file = widgets.HTML(layout={"width": "auto"})
        self.crew = widgets.Combobox(
            description="Crew", placeholder="Name of the crew", ensure_option=False,
            style={"description_width": "3.5em"}, layout=widgets.Layout(width="min(22em, 100%)"),
        )  # fmt: skip
        self.button = widgets.Button(description="Assign", button_style="primary", layout={"height": "40px"})
        self.back_button = widgets.Button(description="Take back", layout={"height": "40px"})
        self.shorten_button = widgets.Button(
            description="Shorten the rest of the day", layout={"height": "40px", "width": "auto"},
            tooltip="Put the stops that nobody has visited yet into a shorter order",
        )  # fmt: skip
        self.fields = Fields(self.button)
        crew = self.fields.check(self.crew, lambda name: check_crew(name) if name.strip() else needed(NAME_IT)(name))
        self.form = widgets.Box([crew, self.button, self.back_button, self.file, self.shorten_button]).add_class(
            "sp-row"
        )
        self.form.layout = widgets.Layout(
            display="flex", flex_flow="row wrap", align_items="flex-start", grid_gap="8px"
        )
        self.widget = widgets.VBox([self.head, self.form, self.pack, self.outcome.widget, self.stops])
        self.button.on_click(checked(self.message)(lambda _: self._say(self.crew.value)))
        self.back_button.on_click(checked(self.message)(lambda _: self._say(None)))
        self.shorten_button.on_click(checked(self.message)(lambda _: self._told(shorten())))
        self._shown, self._crew = "", ""

    def show(self, plan: Plan, route_id: str) -> None:
        """Show the forms for a route, or what to do where none is picked."""
        route = plan.route(route_id)
        self.form.layout.display = "flex" if route else "none"
        typed = self.crew.value if route_id == self._shown and self.crew.value != self._crew else None
        if route_id != self._shown:
            self.outcome.forget()
        self._shown = route_id
        if route is None:
            self.head.value = markup.empty(sections.no_routes(plan) if plan.routes.empty else sections.PICK_FIRST)
            self.file.value = self.pack.value = self.stops.value = ""
            return
        crew = route["crew_name"] if isinstance(route["crew_name"], str) else ""
        if typed not in (None, crew) and crew != self._crew:
            self.message.note(
                f"Changed meanwhile: {crew or 'no crew'} has this route now. What you typed is still here."
            )
        self.crew.options, self.crew.value = plan.crews, crew if typed is None else typed
        self._crew = crew
        self.crew.layout.display = self.button.layout.display = None if plan.may_plan else "none"
        self.back_button.layout.display = None if crew and plan.may_plan else "none"
        still_to_drive = plan.may_plan and route["status"] != "done"
        self.shorten_button.layout.display = None if still_to_drive else "none"
        self.head.value = sections.route_head(route, crew)
        self.stops.value = sections.stop_list(plan, route_id)
        self.file.value = markup.download("Download CSV", f"{route['route_name']}.csv", self._csv())
        self.pack.value = self._pack()

    def _say(self, crew: str | None) -> None:
        before, now = self._crew or None, None if crew is None else " ".join(crew.split())
        said = self._assign(crew)
        self.outcome.tell(Done(said, lambda: self._assign(before, now)))

    def _told(self, said: str) -> None:
        self.outcome.settle()
        self.message.good(said)
