"""How much memory is free, and whether a model in a file fits into it."""

from pathlib import Path

import torch

from trlib.errors import warn

READ = 1_000_000_000
"""Bytes beside Python's and torch's that reading SmolLM2's file takes at its peak: 0.94 GB were
measured."""


def free(device: torch.device) -> int | None:
    """Bytes that are free on a device; None: not known."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    meminfo, limit, used = map(
        Path, ("/proc/meminfo", "/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current")
    )
    if device.type != "cpu" or not meminfo.exists():
        return None
    lines = dict(line.split(":", 1) for line in meminfo.read_text().splitlines() if ":" in line)
    available = int(lines["MemAvailable"].split()[0]) * 1024
    if limit.exists() and used.exists() and (most := limit.read_text().strip()).isdigit():
        available = min(available, int(most) - int(used.read_text()))
    mappable = _mappable()
    return available if mappable is None else min(available, mappable)


def _mappable() -> int | None:
    """Bytes that this process may still map (`ulimit -v`); None: as many as it likes."""
    import resource  # not on Windows

    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return None
    mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    return max(0, limit - mapped)


def warn_if_short(name: str, needed: int) -> None:
    """Warn if reading a model takes more memory than is free: the system ends such a process
    without a word."""
    available = free(torch.device("cpu"))
    if available is not None and available < needed:
        warn(
            f"policy {name!r}: reading it takes {needed / 1e9:.1f} GB, and {available / 1e9:.1f} "
            "GB of memory are free; close something first (chapter 12 shows a recorded run)"
        )
