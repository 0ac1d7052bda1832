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
import time
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat

import trlib
from book.build.ext.stored import code_cells
from book.build.paths import ROOT
from trlab.provenance import cores, processor

KEY = "execution_record"
SHOWN = ("torch", "transformers")
CELL_SECONDS = 900


def execute(notebook: Path, *, profile: str) -> Any:
    """The notebook with its outputs and their record, as nbformat has it; nbclient's own errors name
    the cell that fails.

    Args:
        notebook: its file, which stays as it is.
        profile: `smoke`, `cpu` or `gpu`.
    """
    from nbclient import NotebookClient

    book = nbformat.read(notebook, as_version=4)
    with tempfile.TemporaryDirectory(prefix="book-", ignore_cleanup_errors=True) as room:
        work = Path(room, "work")
        work.mkdir()
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "TRLIB_PROFILE": profile,
            "IPYTHONDIR": room,  # nobody's own
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'book'}",
        }
        client = NotebookClient(
            book,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(work)}},
            record_timing=False,
        )
        began = time.monotonic()
        client.execute(env=environment, stderr=subprocess.DEVNULL)
    book["metadata"][KEY] = {
        "when": datetime.now(UTC).isoformat(timespec="seconds"),
        "seconds": round(time.monotonic() - began, 1),
        "profile": profile,
        "hardware": hardware(),
        "versions": {
            "Python": platform.python_version(),
            **{name: version(name).split("+")[0] for name in SHOWN},
            # What runs is this checkout, whatever the environment was told when it was installed.
            "trust-region-book": trlib.__version__,
        },
        "text": text_of(book),
    }
    return book


def text_of(notebook: dict[str, Any]) -> str:
    """A notebook's code as a few letters, so that a record can be told from that of other code."""
    cells = [cell["source"] for cell in code_cells(notebook).values()]
    return hashlib.blake2b(json.dumps(cells).encode(), digest_size=8).hexdigest()


def hardware() -> str:
    """The processor as a reader knows it."""
    name = re.sub(r"\((R|TM)\)|CPU|Processor|@.*|\d+-Core", "", processor())
    label = " ".join(name.split()) or platform.machine()
    return f"{cores()} core{'' if cores() == 1 else 's'} of {label}"
