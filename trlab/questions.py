"""What is recorded: a folder for each question, which holds the sweeps that asked it.

A folder has `declared.json` (each of its sweeps as data, with the defaults and the circumstances of its
runs), `runs.csv.xz` (all runs of all of them, with every measure that follows from their histories),
`history.csv.xz` (batch by batch, of those sweeps alone of which something is drawn) and `README.md`.
Methods of a single sweep are Python beside them, in `own`. `trlab.take_in` adds a record.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

RECORDS = Path(__file__).parent / "records"
"""The records that ship with the package."""
DECLARED = "declared.json"
OWN = "own"
"""The folder of the records that has the methods, tasks and optimisers of single sweeps."""
FORMAT = 4


def folder_of(name: str) -> Path | None:
    """The folder of the question that a recorded sweep belongs to; None: it has not been recorded."""
    return next((path.parent for path in _files() if name in held(path)["sweeps"]), None)


def all_recorded() -> list[str]:
    """The sweeps that have been recorded."""
    return sorted(name for path in _files() for name in held(path)["sweeps"])


def asked(question: str) -> list[str]:
    """The sweeps of a question, by the name of its folder, in the order in which it has them."""
    return [*held(RECORDS / question / DECLARED)["sweeps"]]


def all_questions() -> list[str]:
    """The folders of questions."""
    return [path.parent.name for path in _files()]


def page_of(name: str) -> str:
    """The page of a recorded sweep's question, from the root of the repository."""
    folder = folder_of(name)
    return "" if folder is None else f"trlab/records/{folder.name}/README.md"


def entry(name: str) -> dict[str, Any] | None:
    """What a recorded sweep `declared`, and the `defaults` that it was run with; None: it has not been
    recorded."""
    folder = folder_of(name)
    return None if folder is None else held(folder / DECLARED)["sweeps"][name]


def defaults_of(name: str) -> dict[str, Any]:
    """The defaults that a recorded sweep was run with."""
    stored = entry(name)
    return {} if stored is None else stored["defaults"]


def _files() -> list[Path]:
    return sorted(RECORDS.glob(f"*/{DECLARED}"))


def held(path: Path) -> dict[str, Any]:
    """What a `declared.json` holds.

    Raises:
        ValueError: it cannot be read, or is of another version.
    """
    return _held(path, path.stat().st_mtime_ns)


@lru_cache(maxsize=64)
def _held(path: Path, stamp: int) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_bytes())
    if content.get("format") != FORMAT:
        raise ValueError(
            f"record: {str(path)!r} is of another version of the package: expected format {FORMAT}, "
            f"got {content.get('format')!r}"
        )
    return content
