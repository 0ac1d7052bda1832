"""What a benchmark's record says of its making: command, versions, hardware, load."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

from trlab.provenance import commit, processor

PACKAGES = ("torch", "transformers", "trl", "accelerate", "datasets", "numpy")


def circumstances() -> dict[str, Any]:
    """Command, commit, versions, processor, load and date."""
    return {
        "command": _command(),
        "commit": commit() or None,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "versions": {
            "python": platform.python_version(),
            **{name: _version(name) for name in PACKAGES},
        },
        "hardware": {
            "processor": processor(),
            "cores": os.cpu_count(),
            "threads": 1,
            "load_before": round(os.getloadavg()[0], 2),
        },
    }


def parser(about: str | None, record: Path | None = None) -> argparse.ArgumentParser:
    """The command line of a benchmark: `about` is its docstring, `record` where it writes by default."""
    made = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if record is not None:
        made.add_argument("--record", default=str(record), help="where to write; '' for nowhere")
    return made


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a record as JSON."""
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


def in_a_process(line: str) -> Any:
    """What a module prints last, as JSON, in a process of its own."""
    command = [sys.executable, "-m", *line.split()]
    root = Path(__file__).parents[1]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root, check=False)
    if done.returncode != 0:
        raise SystemExit(f"{line} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def finish(place: str, record: dict[str, Any], table: str, **found: Any) -> int:
    """Print the table, and write the record with what was found, unless `place` is empty; 0."""
    print(table)
    if place:
        write(Path(place), {**record, "load_after": round(os.getloadavg()[0], 2), **found})
    return 0


def compared(sides: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Medians of two sides, the ratio of the first one's to the other's, and the smallest and the
    largest ratio of a pair of runs."""
    (first, ours), (second, theirs) = sides.items()
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    return {
        first: median(ours),
        second: median(theirs),
        "ratio": median(ours) / median(theirs),
        "lowest_pair": min(ratios),
        "highest_pair": max(ratios),
    }


def _command() -> str:
    """The command line, its module by name."""
    spec = sys.modules["__main__"].__spec__
    program = [sys.argv[0]] if spec is None else ["-m", spec.name]
    return shlex.join(["python", *program, *sys.argv[1:]])


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
