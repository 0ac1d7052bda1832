"""Executes one notebook on a copy, in an empty folder, in a kernel of its own.

nbclient runs the cells. What it gives back is the notebook with its outputs, and in its metadata a
record of when, where and with which versions it ran, which its page shows.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import nbformat

import trlib
from book.build.paths import ROOT
from trlab.provenance import cores, processor

KEY = "execution_record"
SHOWN = ("torch", "transformers")
CELL_SECONDS = 900


class NotebookFailed(Exception):
    """A notebook did not run to its end; the message names notebook, cell and error."""


def execute(notebook: Path, *, profile: str) -> dict[str, Any]:
    """The notebook with its outputs and their record.

    Args:
        notebook: its file, which stays as it is.
        profile: `smoke`, `cpu` or `gpu`.

    Raises:
        NotebookFailed: a cell raised or ran out of time, or the kernel died.
    """
    from nbclient import NotebookClient
    from nbclient.exceptions import CellControlSignal, CellExecutionError, DeadKernelError

    book = nbformat.read(notebook, as_version=4)
    at = [0]
    with tempfile.TemporaryDirectory(prefix="book-", ignore_cleanup_errors=True) as room:
        settings, work = Path(room, "settings"), Path(room, "work")
        for folder in (settings, work):
            folder.mkdir()
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TRLIB_PROFILE": profile,
            "IPYTHONDIR": str(settings),  # nobody's own
            "PYTHONPATH": os.pathsep.join(
                [str(ROOT), str(ROOT / "book"), os.environ.get("PYTHONPATH", "")]
            ),
        }
        client = NotebookClient(
            book,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(work)}},
            record_timing=True,
            on_cell_execute=lambda cell, cell_index: at.append(cell_index),
        )
        try:
            client.execute(env=environment, stderr=subprocess.DEVNULL)
        except (CellControlSignal, DeadKernelError) as error:
            said = (
                f"{error.ename}: {error.evalue}"
                if isinstance(error, CellExecutionError)
                else str(error)
            )
            where = f"{shown(notebook)}, cell {at[-1] + 1}"
            trace = (
                re.sub(r"\x1b\[[0-9;]*m", "", str(error))
                if isinstance(error, CellExecutionError)
                else ""
            )
            raise NotebookFailed(f"{where}: {said}\n{trace}".rstrip()) from error
    done: dict[str, Any] = json.loads(nbformat.writes(book))
    timings = [cell["metadata"].pop("execution", {}) for cell in done["cells"]]
    done["metadata"][KEY] = {**_record(timings, profile), "text": text_of(done)}
    return done


def text_of(notebook: Mapping[str, Any]) -> str:
    """A notebook's code as a few letters, so that a record can be told from that of other code; without
    the cell that installs the package, which a copy of the book stamps."""
    cells = [
        "".join(cell["source"])
        for cell in notebook["cells"]
        if cell["cell_type"] == "code" and "install" not in cell["metadata"].get("tags", [])
    ]
    return hashlib.blake2b(json.dumps(cells).encode(), digest_size=8).hexdigest()


def shown(path: Path) -> str:
    """A file as a message names it."""
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else path.name


def hardware() -> str:
    """The processor as a reader knows it."""
    name = re.sub(r"\((R|TM)\)|CPU|Processor|@.*|\d+-Core", "", processor())
    label = " ".join(name.split()) or platform.machine()
    return f"{cores()} core{'' if cores() == 1 else 's'} of {label}"


def _record(timings: Iterable[Mapping[str, str]], profile: str) -> dict[str, Any]:
    moments = [
        datetime.fromisoformat(timing[name].replace("Z", "+00:00"))
        for timing in timings
        for name in ("iopub.execute_input", "shell.execute_reply")
        if name in timing
    ]
    last = max(moments, default=datetime.now(UTC))
    return {
        "when": last.astimezone(UTC).isoformat(timespec="seconds"),
        "seconds": round((last - min(moments, default=last)).total_seconds(), 1),
        "profile": profile,
        "hardware": hardware(),
        "versions": {
            "Python": platform.python_version(),
            **{name: _version(name) for name in SHOWN},
            # What runs is this checkout, whatever the environment was told when it was installed.
            "trust-region-book": trlib.__version__,
        },
    }


def _version(name: str) -> str:
    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return "none"
