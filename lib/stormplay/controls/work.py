"""Long work beside the page: it runs in a thread, shows its progress, can be cancelled, and ends in a sentence."""

from __future__ import annotations

import asyncio
import html
import threading
import time
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets

from stormplay.controls.guard import Message, checked, sentence_of
from stormplay.errors import Cancelled

Report = Callable[[float, str], bool]
"""Called by the work with a fraction in [0, 1] and a sentence; returns False once the work should stop."""

_TALL = {"height": "40px"}  # a finger's size; the look itself is the page's
UPDATE_S = 0.2  # seconds between updates: five a second are smooth, more would only fill the socket


class Work:
    """A button, a progress bar, 'Cancel', and one sentence at the end.

    The work runs in a thread, so the page stays alive; its reports reach the widgets through the kernel's event
    loop, at most five a second.

    Args:
        label: Words of the button.
        run: The work. Called in a thread with a `Report`; returns anything.
        done: From what `run` returned to the sentence that is shown; called in the event loop.
        on_running: Called with True before and False after the work, to lock and unlock other controls.

    Attributes:
        task: The running or last task, for whoever wants to wait for it; None before the first start.
        message: Where the end is told.
    """

    def __init__(
        self,
        label: str,
        run: Callable[[Report], Any],
        done: Callable[[Any], str],
        on_running: Callable[[bool], None] = lambda running: None,
    ) -> None:
        self._run, self._done, self._on_running = run, done, on_running
        self._stop = threading.Event()
        self.task: asyncio.Task[None] | None = None
        self.message = Message()
        self.button = widgets.Button(description=label, button_style="primary", layout=dict(_TALL)).add_class("sp-go")
        self.cancel_button = widgets.Button(description="Cancel", layout=dict(_TALL)).add_class("sp-cancel")
        self.bar = widgets.FloatProgress(min=0.0, max=1.0, layout=widgets.Layout(width="min(24em, 100%)"))
        self.status = widgets.HTML().add_class("sp-status")
        self.running = widgets.Box([self.bar, self.cancel_button, self.status]).add_class("sp-running")
        self.running.layout = widgets.Layout(display="none", flex_flow="row wrap", align_items="center", grid_gap="8px")
        self.button.on_click(checked(self.message)(lambda _: self.start()))
        self.cancel_button.on_click(lambda _: self.cancel())

    @property
    def is_running(self) -> bool:
        """Whether the work is under way."""
        return self.task is not None and not self.task.done()

    def start(self) -> None:
        """Begin, unless it runs already. Needs a running event loop, as a kernel has."""
        if not self.is_running:
            self._stop = threading.Event()
            self.task = asyncio.get_running_loop().create_task(self._work(self._stop))

    def cancel(self) -> None:
        """Ask the work to stop; it does so at its next report."""
        if self.is_running:
            self._stop.set()
            self.cancel_button.disabled = True
            self._show(self.bar.value, "Stopping …")

    async def _work(self, stop: threading.Event) -> None:
        self._switch(True)
        report = self._reporter(asyncio.get_running_loop(), stop)
        try:
            result = await asyncio.to_thread(self._run, report)
            self.message.good(self._done(result))
        except Cancelled as cancelled:
            self.message.note(str(cancelled))
        except Exception as error:
            self.message.error(sentence_of(error))
        finally:
            self._switch(False)

    def _reporter(self, loop: asyncio.AbstractEventLoop, stop: threading.Event) -> Report:
        last = 0.0

        def report(fraction: float, text: str) -> bool:
            nonlocal last
            now = time.monotonic()
            if (now - last >= UPDATE_S or fraction >= 1) and not stop.is_set():
                last = now
                loop.call_soon_threadsafe(self._show, fraction, text)
            return not stop.is_set()

        return report

    def _show(self, fraction: float, text: str) -> None:
        self.bar.value = min(1.0, max(0.0, fraction))
        self.status.value = html.escape(text)

    def _switch(self, running: bool) -> None:
        if running:
            self.message.clear()
            self._show(0.0, "Starting …")
        self.button.disabled = running
        self.cancel_button.disabled = False
        self.running.layout.display = "flex" if running else "none"
        self._on_running(running)
