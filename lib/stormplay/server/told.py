"""What a page has been told of its widgets is not told again: an extension of its kernel.

Voilà's front end asks a kernel that it connects to for the state of every widget. Here it is told of each from the
first on (`Kernels._keep`), and the answer comes when the page is there already: what somebody has typed by then would
be as it was. So who asks first is told of none; who asks again has lost the connection, and is told of all.
"""

from __future__ import annotations

from typing import Any

EXTENSION = __name__
_CONTROL = "jupyter.widget.control"
_NONE = {"method": "update_states", "states": {}, "buffer_paths": []}


def load_ipython_extension(shell: Any) -> None:
    """Answer the first who asks; from then on ipywidgets does."""
    import ipywidgets  # noqa: PLC0415 - in the server, which has this name from here, nobody needs it
    from comm import get_comm_manager  # noqa: PLC0415

    ipywidgets.load_ipython_extension(shell)  # imported before there was a kernel, it has not made itself known yet
    targets, answer = get_comm_manager(), ipywidgets.Widget.handle_control_comm_opened

    def opened(comm: Any, message: Any) -> None:
        targets.register_target(_CONTROL, answer)
        answer(comm, message)
        comm.on_msg(lambda _: comm.send(_NONE))

    targets.register_target(_CONTROL, opened)
