"""What a benchmark's record says of its making: command, versions, hardware, load."""

from __future__ import annotations

import json
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from trlib.lab.circumstances import processor

PACKAGES = ("torch", "transformers", "trl", "accelerate", "datasets", "numpy")


def circumstances() -> dict[str, Any]:
    """Command, commit, versions, processor, load and date."""
    return {"command": _command(), "commit": _commit(), "date": f"{datetime.now(UTC):%Y-%m-%d}",
            "versions": {"python": platform.python_version(), **{name: _version(name) for name in PACKAGES}},
            "hardware": {"processor": processor(), "cores": os.cpu_count(), "threads": 1,
                         "load_before": round(os.getloadavg()[0], 2)}}


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


def _commit() -> str | None:
    def git(*words: str) -> str | None:
        done = subprocess.run(["git", *words], cwd=Path(__file__).parent, capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else None

    head = git("rev-parse", "--short=12", "HEAD")
    return f"{head}+changes" if head and git("status", "--porcelain", "--", "../trlib") else head
