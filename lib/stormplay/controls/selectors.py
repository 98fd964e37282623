"""Which company, which storm: two dropdowns, the second one depending on the first."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as widgets
import pandas as pd

from stormplay.controls import query
from stormplay.controls.guard import Message, checked
from stormplay.errors import UnknownStorm, UnknownTenant
from stormplay.parameters import NEWEST

_LOOK = {"style": {"description_width": "5.5em"}, "layout": {"width": "min(32em, 100%)"}}
_STORM = _LOOK | {"layout": {"width": "min(36em, 100%)"}}  # a place, a day and a state


class Selectors:
    """Dropdowns for a tenant and one of its storms.

    Args:
        tenants: Frame of `slug`, `tenant_id`, `org_name`.
        list_storms: From a tenant's slug to a frame of `slug`, `storm_id`, `name`, `status`, newest first.
        on_change: Called with (tenant slug, storm slug or None) after a choice of the reader.
        message: Where a failed choice is explained.

    Attributes:
        tenant, storm: The chosen slugs; None where nothing can be chosen.
        widget: What is displayed.
    """

    def __init__(
        self,
        tenants: pd.DataFrame,
        list_storms: Callable[[str], pd.DataFrame],
        on_change: Callable[[str, str | None], None],
        message: Message,
    ) -> None:
        self._tenants, self._list_storms, self._on_change = tenants, list_storms, on_change
        self.storms = pd.DataFrame(columns=["slug", "storm_id", "name", "status"])
        options = list(zip(tenants["org_name"].astype(str), tenants["slug"].astype(str), strict=True))
        self.tenant_box = widgets.Dropdown(options=options, value=None, description="Company", **_LOOK)
        self.storm_box = widgets.Dropdown(options=[], description="Storm", **_STORM)
        self.widget = widgets.Box([self.tenant_box, self.storm_box]).add_class("sp-selectors")
        self.widget.layout = widgets.Layout(display="flex", flex_flow="row wrap", grid_gap="8px")
        self._quiet = False
        self.tenant_box.observe(checked(message)(self._tenant_changed), "value")
        self.storm_box.observe(checked(message)(self._storm_changed), "value")

    @property
    def tenant(self) -> str | None:
        """Slug of the chosen company."""
        return self.tenant_box.value  # type: ignore[no-any-return]

    @property
    def storm(self) -> str | None:
        """Slug of the chosen storm."""
        return self.storm_box.value  # type: ignore[no-any-return]

    @property
    def locked(self) -> bool:
        """Whether nothing can be chosen just now."""
        return bool(self.tenant_box.disabled)

    def choose(self, tenant: str, storm: str) -> None:
        """Choose by slug or id without calling `on_change`; 'newest' is the company's newest storm.

        Raises:
            UnknownTenant: If the company is not among those open to this person.
            UnknownStorm: If the company has no such storm; the company stays chosen.
        """
        slug = _slug(self._tenants, "tenant_id", tenant)
        if slug is None:
            names = ", ".join(self._tenants["slug"].astype(str)) or "none"
            raise UnknownTenant(
                f"There is no tenant '{tenant}' open to you.", f"Open to you: {names}.", "Choose one of them below."
            )
        with_storm = self._silently(lambda: self._set_tenant(slug, storm))
        if not with_storm and len(self.storms):
            self._silently(self._no_storm)
            names = ", ".join(self.storms["slug"].astype(str))
            raise UnknownStorm(
                f"This company has no storm '{storm}'.", f"It has: {names}.", "Choose one of them below."
            )

    def begin(self, tenant: str, storm: str) -> None:
        """Choose what a page was asked for, without calling `on_change`.

        Where its address names no company, and the notebook's default is another's, the person's own is chosen.

        Raises:
            UnknownTenant, UnknownStorm: As `choose`.
        """
        if query.is_served_without("tenant") and _slug(self._tenants, "tenant_id", tenant) is None:
            own = self._tenants["slug"].astype(str).tolist()
            tenant, storm = (own[0], self.like(own[0], storm)) if own else (tenant, storm)
        self.choose(tenant, storm)

    def like(self, tenant: str, storm: str) -> str:
        """The storm of a company that has this slug, else its newest; `storm` itself where it has none."""
        slugs = self._list_storms(tenant)["slug"].astype(str).tolist()
        return storm if storm in slugs or not slugs else slugs[0]

    def lock(self, locked: bool) -> None:
        """Let nothing be chosen while something runs for the present choice."""
        self.tenant_box.disabled = self.storm_box.disabled = locked

    def _set_tenant(self, slug: str, storm: str | None) -> bool:
        self.tenant_box.value = slug
        self.storms = self._list_storms(slug)
        names = zip(self.storms["name"], self.storms["status"], self.storms["slug"], strict=True)
        self.storm_box.options = [(f"{name} ({status})", str(value)) for name, status, value in names]
        wanted = _slug(self.storms, "storm_id", storm) if storm else None
        newest = self.storm_box.options[0][1] if len(self.storms) else None
        self.storm_box.value = wanted or newest
        return wanted is not None or (storm == NEWEST and newest is not None)

    def _no_storm(self) -> bool:
        self.storm_box.value = None  # else the first storm would seem chosen, and choosing it would do nothing
        return False

    def _tenant_changed(self, change: dict[str, str]) -> None:
        if not self._quiet:
            self._silently(lambda: self._set_tenant(change["new"], self.storm))
            self._on_change(change["new"], self.storm)

    def _storm_changed(self, change: dict[str, str]) -> None:
        if not self._quiet and self.tenant is not None:
            self._on_change(self.tenant, change["new"])

    def _silently(self, act: Callable[[], bool]) -> bool:
        self._quiet = True
        try:
            return act()
        finally:
            self._quiet = False


def _slug(frame: pd.DataFrame, id_column: str, wanted: object) -> str | None:
    text = str(wanted)
    hit = frame[(frame["slug"].astype(str) == text) | (frame[id_column].astype(str) == text)]
    return None if hit.empty else str(hit["slug"].iloc[0])
