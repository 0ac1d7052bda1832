"""What a benchmark's record says of its making: command, versions, hardware, load."""

from __future__ import annotations

import json
import os
import platform
import shlex
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from trlab.circumstances import commit, processor

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


def write(path: Path, record: dict[str, Any]) -> None:
    """Write a record as JSON."""
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


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
