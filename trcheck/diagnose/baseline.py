"""The last healthy dump of a run, which the next ones are held against."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from trcheck.diagnose.judgement import Judgement, Measured, judge
from trcheck.diagnose.rollouts import read


def measured(path: str | os.PathLike[str]) -> Measured:
    """How far learner and sampler are apart in a file: a dump, what `trlib diagnose --json` said of
    one, or what a callback kept.

    Raises:
        ValueError: the mismatch of the dump cannot be measured, or the file is neither.
        OSError, ImportError, TypeError: as `read`.
    """
    path = Path(path)
    if path.suffix == ".json":
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
        except (ValueError, RecursionError):  # `read` says what is wrong with it
            values = None
        if isinstance(values, dict) and "measured" in values:
            return _of_json(values["measured"], path)
    judgement = judge(read(path))[0]
    if judgement.measured is None:
        raise ValueError(
            f"against: expected a dump whose mismatch can be measured, got {str(path)!r}, "
            f"{judgement.headline}"
        )
    return judgement.measured


def _of_json(found: Any, path: Path) -> Measured:
    """What `trlib diagnose --json` measured."""
    names = [f.name for f in fields(Measured)]
    there = isinstance(found, dict) and set(found) == set(names)
    if not there or not all(type(x) in (int, float) for x in found.values()):
        raise ValueError(
            f"against: expected the numbers {', '.join(names)} under 'measured' in {str(path)!r}, "
            f"got {str(found)[:60]}"
        )
    return Measured(**found)


def keep(path: str | os.PathLike[str], found: Judgement) -> None:
    """Writes what a batch measured, for the batches and runs after it."""
    assert found.measured is not None
    text = json.dumps({"measured": asdict(found.measured)})
    Path(path).write_text(text + "\n", encoding="utf-8")
