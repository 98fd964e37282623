"""What a consumer's process does in tests: the same as the command. Imports nothing that its warm parent has not."""

from __future__ import annotations

import os

from stormplay.errors import StormplayError
from stormplay.streaming import workers
from stormplay.streaming.settings import Settings


def consume(environment: dict[str, str], settings: Settings, number: int) -> None:
    """Consume until it is told to stop; the exit code is that of the command."""
    os.environ.update(environment)
    try:
        workers.run_here(settings, number=number)
    except StormplayError as error:
        os._exit(error.exit_code)
