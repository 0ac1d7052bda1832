"""Ways to start two processes, run and compared with one: `python -m trbook.scale.distributed`,
about two minutes.

Every way learns the same four updates from the same batch (`trbook.scale.worker`), on a CPU. The
record says how many processes there really were, how many of the 124,224 parameters each held, and
how far the weights ended from those of one process. The record lies beside this file, and a page
prints it.
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from trlab.provenance import provenance

RECORD = Path(__file__).with_name("record.json")
WORKER = "-m trbook.scale.worker"
PACKAGES = ("trl", "accelerate", "verl", "ray")
FOLDER = "two_processes"
"""Where a worker writes, unless it is told another folder."""
LIMIT = 300
"""Seconds that a run may take."""


@dataclass(frozen=True)
class Way:
    """A command that starts processes."""

    name: str
    command: str
    """As a reader types it; it writes into `FOLDER` of the folder where it is typed."""
    one: str | None = None
    """The way that it is compared with, run before it."""


WAYS = (
    Way("TRL, one process", f"python {WORKER} trl"),
    Way(
        "TRL, torchrun",
        f"torchrun --standalone --nproc_per_node 2 {WORKER} trl",
        "TRL, one process",
    ),
    Way(
        "TRL, accelerate --cpu",
        f"accelerate launch --num_processes 2 --cpu {WORKER} trl",
        "TRL, one process",
    ),
    Way(
        "TRL, accelerate --use_fsdp on a CPU",
        "ACCELERATE_USE_CPU=true accelerate launch --use_fsdp --fsdp_version 2 --num_processes 2 "
        f"{WORKER} trl",
        "TRL, one process",
    ),
    Way("own loop, one process", f"python {WORKER} fsdp"),
    Way(
        "own loop, torch's fully_shard",
        f"torchrun --standalone --nproc_per_node 2 {WORKER} fsdp",
        "own loop, one process",
    ),
    Way("verl's loss in Ray", f"python {WORKER} ray"),
)
"""What was run. DeepSpeed is not among them: it is not installed where the book is made."""


def runs() -> dict[str, Any]:
    """The record: `ways` by name, and what made it."""
    return json.loads(RECORD.read_text(encoding="utf-8"))


def run(way: Way, folder: Path) -> dict[str, Any]:
    """What the worker said, and how long all of it took.

    Args:
        folder: where the command is typed, exactly as it is printed; what it writes ends in
            `folder / FOLDER`.

    Raises:
        RuntimeError: it failed; the end of what it printed is in the message.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words, scripts = shlex.split(way.command), Path(sys.executable).parent
    settings = {"OMP_NUM_THREADS": "1", "TRL_EXPERIMENTAL_SILENCE": "1"}
    while "=" in words[0]:
        name, _, value = words.pop(0).partition("=")
        settings[name] = value
    start = time.perf_counter()
    done = subprocess.run(
        [str(scripts / words[0]), *words[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT,
        env={**os.environ, **settings},
    )
    if done.returncode:
        raise RuntimeError(f"{way.name}: expected it to run to its end, got\n{done.stderr[-3000:]}")
    result = json.loads((folder / FOLDER / "result.json").read_text(encoding="utf-8"))
    return {"command": way.command, "seconds": round(time.perf_counter() - start, 1), **result}


def apart(folder: Path, other: Path) -> float:
    """The largest difference between two runs' weights."""
    import torch

    a, b = (
        torch.load(place / FOLDER / "weights.pt", weights_only=True) for place in (folder, other)
    )
    return max(float((a[name] - b[name]).abs().max()) for name in a)


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def main() -> int:
    """Run every way, or those whose names begin as the arguments say, and renew the record."""
    wanted = [
        way
        for way in WAYS
        if not sys.argv[1:] or any(way.name.startswith(name) for name in sys.argv[1:])
    ]
    ways = runs()["ways"] if RECORD.exists() else {}
    with tempfile.TemporaryDirectory() as room:
        for way in wanted:
            result = run(way, Path(room, way.name.replace(" ", "-")))
            if way.one:
                result["apart"] = apart(
                    Path(room, way.name.replace(" ", "-")), Path(room, way.one.replace(" ", "-"))
                )
            ways[way.name] = result
            print(f"{way.name}: {result}", flush=True)
    record = {
        **provenance("python -m trbook.scale.distributed"),
        "libraries": {name: _version(name) for name in PACKAGES},
        "ways": {way.name: ways[way.name] for way in WAYS if way.name in ways},
    }
    RECORD.write_text(f"{json.dumps(record, indent=1)}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
