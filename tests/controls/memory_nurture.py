"""A nurture loop that keeps everything in memory: enough of one for a page, without a database and without rules."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import memory
import pandas as pd

from stormplay.errors import BadInput, Conflict, UnknownStorm, UnknownTenant
from stormplay.nurture import DEFAULTS, Standing, lint_message

START = datetime(2040, 5, 8, 15, tzinfo=UTC)
STEPS = ["property_id", "address", "zip_code", "sequence_type", "step_number", "channel", "message", "scheduled_at",
         "local_time", "status", "reason"]  # fmt: skip
PENDING = ("scheduled", "due", "paused")


class MemoryLoop:
    """`n` candidates, the last `held` of them in the holdout, uplift falling from 0.4."""

    time_zone = "America/Chicago"
    company = "Lone Star Roofing (demo)"

    def __init__(self, n=30, held=4, treated=80, converted=9):
        self.n, self.held, self.treated, self.converted = n, held, treated, converted
        self.state, self.filled, self.asked = "open", 0, []
        self.steps = pd.DataFrame(columns=STEPS)

    def homes(self, threshold=0.15, search=None):
        homes = pd.DataFrame({
            "property_id": [f"p{i:02d}" for i in range(self.n)],
            "address": [f"{100 + i} <b>Test</b> Street" for i in range(self.n)],
            "zip_code": ["76137" if i % 2 else None for i in range(self.n)],
            "expected_uplift": [(80 - i) / 200 for i in range(self.n)],
            "next_best_action": "door_visit",
        })  # fmt: skip
        homes = homes[homes["expected_uplift"] > threshold]
        return homes[homes["address"].astype(str).str.contains(search or "", regex=False)].reset_index(drop=True)

    def is_held(self, property_id):
        return int(property_id[1:]) >= self.n - self.held

    def next_of(self, property_id):
        mine = self.steps[(self.steps["property_id"] == property_id) & self.steps["status"].isin(PENDING)]
        return None if mine.empty else mine.sort_values("scheduled_at").iloc[0]

    def candidates(self, threshold, page, page_size, search, order=None):
        homes = self.homes(threshold, search)
        if order is not None:
            known = {"address": "address", "zip": "zip_code", "uplift": "expected_uplift"}
            homes = homes.sort_values(known[order[0]], ascending=order[1], kind="stable")
        found = homes.iloc[(page - 1) * page_size : page * page_size].reset_index(drop=True)
        nexts = [self.next_of(one) for one in found["property_id"]]
        return found.assign(
            job_status=None,
            next_channel=["door" if one is None else one["channel"] for one in nexts],
            next_at=pd.to_datetime([None if one is None else one["scheduled_at"] for one in nexts], utc=True),
            why_not=["standing holdout" if self.is_held(one) else None for one in found["property_id"]],
        )

    def count(self, threshold, search):
        return len(self.homes(threshold, search))

    def standing(self, threshold, sequence_type, **_):
        if sequence_type not in DEFAULTS:
            raise BadInput(f"There is no sequence '{sequence_type}'.", "There are follow_up, quick.")
        lines = []
        for one in self.homes(threshold)["property_id"]:
            status = None if (step := self.next_of(one)) is None else step["status"]
            waits = {"paused": "paused", None: "ready"}.get(status, "scheduled")
            lines.append(("left alone", "standing holdout") if self.is_held(one) else (waits, ""))
        ledger = pd.DataFrame(lines, columns=["outcome", "reason"])
        now = ledger.assign(reason=ledger["reason"])
        pending = self.steps[self.steps["status"] == "scheduled"]
        outbox = {"due": len(pending), "in outbox": self.filled, "handed over": 0, "acknowledged": 0, "refused": 0}
        return Standing(
            self.state, self.treated, self.converted,
            ledger.groupby(["outcome", "reason"], sort=False).size().reset_index(name="properties"),
            now.groupby(["reason"], sort=False).size().reset_index(name="properties"), outbox, START,
        )  # fmt: skip

    def week(self, days=7):
        soon = self.steps["scheduled_at"] < START + timedelta(days=days) if len(self.steps) else slice(0, 0)
        return self.steps[soon & self.steps["status"].isin(PENDING)] if len(self.steps) else self.steps

    def history(self, property_id):
        return self.steps[self.steps["property_id"] == property_id]

    def sequences(self):
        return DEFAULTS

    def lint(self, message, channel):
        return lint_message(message, channel)

    def preview(self, property_ids=None, sequence_type="follow_up", start=None, *, threshold=0.15):
        homes = self.homes(threshold)
        if property_ids is not None:
            homes = homes[homes["property_id"].isin(property_ids)]
        in_it = set(self.steps.loc[self.steps["status"].isin(PENDING), "property_id"])
        reason = ["standing holdout" if self.is_held(one) else "already in this sequence" if one in in_it else ""
                  for one in homes["property_id"]]  # fmt: skip
        local = pd.Timestamp(start or START.replace(tzinfo=None))
        goes = pd.Series(reason, index=homes.index) == ""
        return homes.assign(
            outcome=goes.map({True: "scheduled", False: "refused"}), reason=reason, channel="mail",
            message="storm_letter", local_time=local, step_count=goes.astype(int) * 3,
            left_out=["email: no e-mail address" if go and i % 3 == 0 else "" for i, go in enumerate(goes)],
        )  # fmt: skip

    def schedule(self, property_ids=None, sequence_type="follow_up", start=None):
        self.asked.append((len(property_ids), sequence_type, start))
        if self.state == "stopped":
            raise Conflict("The nurture of this storm was stopped.")
        shown = self.preview(property_ids, sequence_type, start, threshold=0)
        fresh = [
            {"property_id": home["property_id"], "address": home["address"], "zip_code": home["zip_code"],
             "sequence_type": sequence_type, "step_number": k + 1, "channel": channel, "message": "storm_letter",
             "scheduled_at": pd.Timestamp(START) + timedelta(days=3 * k), "status": "scheduled", "reason": None,
             "local_time": pd.Timestamp(START).tz_convert(self.time_zone).tz_localize(None) + timedelta(days=3 * k)}
            for home in shown[shown["outcome"] == "scheduled"].to_dict("records")
            for k, channel in enumerate(("mail", "email", "call"))
        ]  # fmt: skip
        self.steps = pd.DataFrame([*self.steps.to_dict("records"), *fresh], columns=STEPS)
        return shown

    def _set(self, property_ids, before, after):
        mine = self.steps["status"].isin(before)
        if property_ids is not None:
            mine &= self.steps["property_id"].isin(property_ids)
        self.steps.loc[mine, "status"] = after
        return int(mine.sum())

    def pause(self, property_ids=None):
        if property_ids is None:
            self.state = "paused"
            return 0
        return self._set(property_ids, ["scheduled"], "paused")

    def resume(self, property_ids=None):
        if property_ids is None:
            self.state = "open"
            return 0
        return self._set(property_ids, ["paused"], "scheduled")

    def stop(self, property_ids=None):
        self.state = "stopped" if property_ids is None else self.state
        return self._set(property_ids, PENDING, "stopped")

    def reschedule(self, property_ids=None, start=None):
        waits = self.steps[self.steps["status"] == "scheduled"]
        return waits.assign(outcome="moved")[["property_id", "outcome"]]

    def due(self):
        waits = self.steps[self.steps["status"] == "scheduled"]
        self.filled += self._set(None, ["scheduled"], "due")
        return waits.assign(outcome="in outbox")[["property_id", "channel", "outcome", "reason"]]

    def export_csv(self, threshold):
        return "firstname,lastname\r\n" + "Ann,Lee\r\n" * self.count(threshold, None)


def world(loop, role="operator"):
    """The callables of `controls.phase5`, around one loop."""

    def make(tenant, storm):
        if tenant not in set(memory.TENANTS["slug"]):
            raise UnknownTenant(f"There is no tenant '{tenant}' open to you.")
        if storm not in {"2021-04-28", "2020-04-28"}:
            raise UnknownStorm(f"This tenant has no storm '{storm}'.")
        return loop

    tenants = memory.TENANTS.assign(role=role)
    return {"loop": make, "tenants": lambda: tenants, "storms": lambda tenant: memory.STORMS[tenant]}
