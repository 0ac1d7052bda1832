"""What made a cell: command, commit, versions, hardware, date."""

from __future__ import annotations

import os
import platform
import subprocess
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path

from trlib import __version__

PACKAGES = ("torch", "transformers", "numpy")


def provenance(command: str) -> dict[str, str]:
    """The columns of a record that say what made a cell."""
    return {
        "command": command,
        "commit": commit(),
        "versions": versions(),
        "hardware": hardware(),
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


@cache
def versions() -> str:
    """Versions of what computes."""
    numbers = {
        "trust-region-book": __version__,
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
    }
    return ", ".join(f"{name} {number}" for name, number in numbers.items())


@cache
def hardware() -> str:
    """Processor, cores, and the instructions that torch uses."""
    import torch

    from trlib.model.loading import SMALL

    here = (
        f"{processor()}, {os.cpu_count()} cores, {torch.backends.cpu.get_cpu_capability()}, "
        "one thread a run"
    )
    if not torch.cuda.is_available():
        return here
    return (
        f"{here}; models of {SMALL // 10**6} million parameters and more on "
        f"{torch.cuda.get_device_name()}, CUDA {torch.version.cuda}, products in TF32"
    )


def cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@cache
def commit() -> str:
    """The commit of the repository, `+changes` where `trlib` or `trlab` differs from it; empty
    outside of one."""

    def git(*words: str) -> str | None:
        try:
            done = subprocess.run(
                ["git", *words],
                cwd=Path(__file__).parent,
                capture_output=True,
                text=True,
                check=False,
                timeout=20,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        return done.stdout.strip() if done.returncode == 0 else None

    # A package installed below somebody else's repository is not of it.
    if not git("ls-files", "__init__.py"):
        return ""
    head = git("rev-parse", "--short=12", "HEAD") or ""
    return (
        f"{head}+changes"
        if head and git("status", "--porcelain", "--", ".", "../trlib", ":!records")
        else head
    )


def processor() -> str:
    """The processor, by its name."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
