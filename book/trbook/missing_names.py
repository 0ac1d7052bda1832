"""A cell that runs before the cell it needs says so in one line, instead of a traceback."""

from __future__ import annotations

import builtins
import sys
from types import TracebackType
from typing import Any


def connect() -> None:
    """Tells the notebook, if this runs in one, how to show a name that is missing."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if shell is not None:
        shell.set_custom_exc((NameError,), show)


def show(
    shell: Any,
    kind: type[BaseException],
    error: NameError,
    trace: TracebackType,
    tb_offset: int | None = None,
) -> list[str]:
    """What IPython shows of a NameError: one line where a cell itself lacks a name, else the
    traceback."""
    name = getattr(error, "name", None)
    if (
        name is None
        or isinstance(error, UnboundLocalError)
        or not _of_a_cell(trace)
        or hasattr(builtins, name)
    ):
        lines = list(
            shell.InteractiveTB.structured_traceback(kind, error, trace, tb_offset=tb_offset)
        )
    else:
        lines = [
            f"{kind.__name__}: no cell has made `{name}` yet. Run the chapter from its top, or "
            "check how the name is spelt."
        ]
    shell._showtraceback(kind, error, lines)
    return lines


def _of_a_cell(trace: TracebackType) -> bool:
    """Whether the error arose in what the reader runs, and not inside a package."""
    last = trace
    while last.tb_next is not None:
        last = last.tb_next
    return last.tb_frame.f_globals.get("__name__") == "__main__"
