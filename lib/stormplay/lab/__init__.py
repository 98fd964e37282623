"""JupyterLab for one analyst: a database login of their own, the notebooks, and nobody else's credentials.

serving    mints the login, renews it, and ends it with the lab
order      what the lab's keeper is told: as whom, where, with which environment
lodging    the account and the folder that a person's lab lives in
keeper     the process around JupyterLab: takes it in, and ends all that it started
room       what JupyterLab can see of the machine, and as whom
inside     JupyterLab itself and its settings
workspace  the person's own copies of the notebooks

Started as root, each person's lab runs on a number of an account of its own that owns nothing but its folder, and,
where the machine allows it, in a room of its own: other processes, /tmp and closed folders are not there. A terminal
is a shell on that account, so it is open. Started by an ordinary account the lab runs as that account, which can
read whatever minted the login; one sentence says so, and there is no terminal.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

TTL_S = 900
RENEW_EVERY_S = 300.0


def serve(
    person: str,
    *,
    notebooks: Path,
    port: int = 8888,
    ip: str = "127.0.0.1",
    folder: Path | None = None,
    ready: Callable[[str], None] | None = None,
    tell: Callable[[str], None] | None = None,
    ttl_s: int = TTL_S,
    renew_every_s: float = RENEW_EVERY_S,
) -> None:
    """Run JupyterLab for a person until SIGINT or SIGTERM, or until it is shut down in the browser.

    Args:
        person: User name whose rights the lab has; whoever runs this vouches for who that is.
        notebooks: The folder whose notebooks the person gets copies of.
        port: Port to listen on; no other one is tried.
        ip: Address to listen on.
        folder: The person's folder, made if missing; one below the system's state folder where it is None.
        ready: Called once with the address, which holds the lab's token, when JupyterLab answers.
        tell: Called with sentences that the person should read.
        ttl_s: Seconds that the login outlives a lab whose server was killed.
        renew_every_s: Seconds between renewals of the login.

    Raises:
        PortTaken: Somebody else listens on the port.
        BadInput: The address or the folder cannot be used, or the lab's account cannot read what it needs.
        NotAllowed: There is no open account of that name, this process may not mint logins, or the login was ended.
        DatabaseUnavailable: No database answers.
        LabEnded: JupyterLab did not start, or ended by itself.
    """
    from stormplay.lab import serving  # noqa: PLC0415 - the processes inside share this package and stay small

    serving.serve(person, notebooks, port, ip, folder, ready or _unheard, tell or _unheard, ttl_s, renew_every_s)


def _unheard(_: str) -> None:
    pass
