"""The command line as one types it: `typed("train --steps 2")` runs it in this process."""

from __future__ import annotations

import shlex

from trlib.cli import main


def typed(line: str) -> int:
    """The status of a command that is typed without its `trlib`."""
    return main(shlex.split(line))
