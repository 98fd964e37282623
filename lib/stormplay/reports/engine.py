"""Papermill's cells in this process: an IPython shell whose outputs are those of a notebook, with no kernel beside it.

A kernel would be a second process, three sockets and a second of start for each report. The process that runs this is
forked for one report and ended with it, so nothing of one report is left for the next.
"""
# mypy: disallow-subclassing-any=False

from __future__ import annotations

import base64
import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from jupyter_client.jsonutil import json_default
from nbformat.v4 import output_from_msg
from papermill.engines import Engine, papermill_engines
from traitlets import Type
from traitlets.config import Config

NAME = "stormplay"
KERNEL = "python3"


class Outputs:
    """What one cell has shown so far, in order."""

    def __init__(self) -> None:
        self.found: list[Any] = []
        self._shown: dict[str, Any] = {}  # by display id
        self._is_to_clear = False

    def add(self, kind: str, content: dict[str, Any], display_id: str | None = None) -> None:
        """Add an output as a kernel would send it, with as much of it as is JSON."""
        if self._is_to_clear:
            self.clear()
        plain = json.loads(json.dumps(content, default=_plain))
        if kind == "stream" and self.found and self.found[-1].get("name") == plain["name"]:
            self.found[-1]["text"] += plain["text"]
            return
        made = output_from_msg({"header": {"msg_type": kind}, "content": plain})
        self.found.append(made)
        if display_id:
            self._shown[display_id] = made

    def update(self, display_id: str | None, data: dict[str, Any], metadata: dict[str, Any]) -> None:
        """Show something else in the place of what was shown under an id; ids of earlier cells are gone."""
        if made := self._shown.get(str(display_id)):
            plain = json.loads(json.dumps({"data": data, "metadata": metadata}, default=_plain))
            made.update(nbformat.from_dict(plain))

    def clear(self, wait: bool = False) -> None:
        """Take back what was shown; with `wait` only when something new comes."""
        self._is_to_clear = wait
        if not wait:
            self.found.clear()
            self._shown.clear()


def _plain(value: object) -> object:
    return base64.b64encode(value).decode("ascii") if isinstance(value, bytes) else json_default(value)


class Stream(io.TextIOBase):
    """What cells print, as an output."""

    def __init__(self, name: str, outputs: Outputs) -> None:
        self._name, self._outputs = name, outputs

    def writable(self) -> bool:
        """It can be written to."""
        return True

    def write(self, text: str) -> int:
        """Add a text to what is shown."""
        if text:
            self._outputs.add("stream", {"name": self._name, "text": text})
        return len(text)


class Publisher(DisplayPublisher):
    """Takes what `display` is given."""

    def publish(
        self, data: Any, metadata: Any = None, *, transient: Any = None, update: bool = False, **_: Any
    ) -> None:
        """Add it, or put it in the place of what has the same id."""
        display_id = (transient or {}).get("display_id")
        if update:
            self.shell.outputs.update(display_id, data, metadata or {})
        else:
            self.shell.outputs.add("display_data", {"data": data, "metadata": metadata or {}}, display_id)

    def clear_output(self, wait: bool = False) -> None:
        """Take back what was shown."""
        self.shell.outputs.clear(wait)


class Hook(DisplayHook):
    """Takes the value of a cell's last expression."""

    def write_output_prompt(self) -> None:
        """Write none: the number goes with the output."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Add the value in all its forms."""
        content = {"data": format_dict, "metadata": md_dict or {}, "execution_count": self.prompt_count}
        self.shell.outputs.add("execute_result", content)

    def finish_displayhook(self) -> None:
        """Leave the streams as they are."""
        self._is_active = False


class Shell(InteractiveShell):
    """An IPython shell that keeps what cells show, and the error that ended one."""

    display_pub_class = Type(Publisher)
    displayhook_class = Type(Hook)

    def __init__(self, **kwargs: Any) -> None:
        self.outputs = Outputs()
        self.error: BaseException | None = None
        super().__init__(**kwargs)

    def enable_gui(self, gui: Any = None) -> None:
        """Nobody looks."""

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        self.outputs.add("error", {"ename": etype.__name__, "evalue": str(evalue), "traceback": stb})

    def run(self, source: str) -> list[Any]:
        """Run a cell.

        Returns:
            Its outputs. Where it raised, the last of them is the error.
        """
        self.outputs = Outputs()
        with _printing_to(self.outputs):
            result = self.run_cell(source, store_history=True)
        self.error = result.error_before_exec or result.error_in_exec
        if self.error and not any(each.output_type == "error" for each in self.outputs.found):
            self._showtraceback(type(self.error), self.error, [])
        return self.outputs.found


@contextmanager
def _printing_to(outputs: Outputs) -> Iterator[None]:
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = Stream("stdout", outputs), Stream("stderr", outputs)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class InProcess(Engine):
    """Runs the cells of one notebook in this process, and stops at the first that raises."""

    error: BaseException | None = None  # that ended the notebook,
    failed_at: int = 0  # in this cell, counted as cells are that were run

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, *, home: Path, **_: Any) -> None:
        """Run them.

        Args:
            nb_man: Papermill's view of the notebook; it is saved before each cell, so that a process which is ended
                leaves what was done until then.
            kernel_name: Not used: there is no kernel.
            home: A folder that the shell may write to, instead of the person's own.
        """
        quiet = Config({"HistoryManager": {"enabled": False}, "InteractiveShell": {"colors": "nocolor"}})
        shell = Shell.instance(ipython_dir=str(home), config=quiet)
        for index, cell in enumerate(nb_man.nb.cells):
            if cell.cell_type != "code" or not cell.source.strip():
                continue
            nb_man.cell_start(cell, index)
            cell.outputs = shell.run(cell.source)
            cell.execution_count = shell.execution_count - 1
            if shell.error:
                cls.error, cls.failed_at = shell.error, cell.execution_count
                nb_man.cell_exception(cell, index)
                return


papermill_engines.register(NAME, InProcess)
