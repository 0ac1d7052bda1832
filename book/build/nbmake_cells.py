"""What every run of `pytest --nbmake` here adds to nbmake: the cell that failed is named, the
profile is `smoke` where TRLIB_PROFILE names none, a comparison that `trlab/comparisons.json` lacks
fails its cell, and where `book.build.execute` has started the run, it
is told of every notebook that has ended. In any other run the solutions of exercises are left out:
`tests/book/test_exercises.py` runs each by itself and reads its verdict."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator
from functools import partial
from pathlib import Path
from traceback import walk_tb

import pytest
from nbmake import nb_run
from nbmake.nb_result import NotebookError, NotebookResult
from nbmake.pytest_items import NotebookFailedException

from book.build.lock import end_with
from trlab.comparison import NOTED, REFUSE

TELL = "TRLIB_TELL"
"""The variable that holds the number of the open file in which `book.build.execute` reads."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Runs a notebook; its failure begins with the number of the cell, counted from 1 over all of
    them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRLIB_PROFILE", os.environ.get("TRLIB_PROFILE") or "smoke")
        patch.setenv(NOTED, os.environ.get(NOTED) or REFUSE)
        if TELL not in os.environ:  # a test of the exercises runs every solution by itself
            without = partial(nb_run.NotebookClient, skip_cells_with_tag="solution")
            patch.setattr(nb_run, "NotebookClient", without)
        try:
            return (yield)
        except NotebookFailedException as failed:
            error = failed.args[0].error
            summary = error.summary or error.trace.strip().splitlines()[-1]
            raise NotebookFailedException(
                _named(error.failing_cell_index, summary, error.trace)
            ) from None
        except Exception as error:  # a kernel that died: nbmake takes it for an error of its own
            at = [
                frame.f_locals["cell_index"]
                for frame, _ in walk_tb(error.__traceback__)
                if _runs_a_cell(frame)
            ]
            if not at:
                raise
            raise NotebookFailedException(
                _named(at[0], f"{type(error).__name__}: {error}", "")
            ) from error


def _runs_a_cell(frame: object) -> bool:
    return "cell_index" in getattr(frame, "f_locals", {})


def _named(index: int, summary: str, trace: str) -> NotebookResult:
    said = _plain(f"cell {index + 1}: {summary}")
    return NotebookResult(None, NotebookError(said, f"{said}\n{trace}", index))


def _plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def pytest_configure(config: pytest.Config) -> None:
    if TELL in os.environ:
        end_with(os.getppid())


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Tells of a notebook; the process that distributes them does, not its workers."""
    if (
        TELL in os.environ
        and "PYTEST_XDIST_WORKER" not in os.environ
        and (report.when == "call" or report.failed)
    ):
        name = Path(report.nodeid.partition("::")[0]).stem
        said = re.sub(
            r"^(\[gw\d+\] |\[IPKernelApp\] WARNING).*\n",
            "",
            _plain(report.longreprtext + report.capstderr),
            flags=re.M,
        )
        error = said[-8000:].strip() if report.failed else None
        told = json.dumps({"name": name, "seconds": report.duration, "error": error})
        os.write(int(os.environ[TELL]), f"{told}\n".encode())
