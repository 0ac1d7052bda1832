"""Executes the chapters that run larger on a GPU, and writes book/gpu_execution.json: `make gpu`.

Chapters that never ran on a GPU come first, then those whose code has changed since. Each is recorded
when it has run, so that a call that was cut off goes on with the others. The record holds the card, its
driver, the versions, and of each chapter when it ran and how long it took. A chapter that fails is
reported and left out. A chapter's page prints its line of the record (`book.build.ext.execution`).
Without a GPU nothing is run and nothing is written: the exit status is 2.

Chapters download nothing unless they are told to: `make gpu TRLIB_DOWNLOAD=1`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from book.build.execute import KEY, NotebookFailed, execute, text_of
from book.build.ext.execution import runs_larger
from book.build.paths import ROOT, chapters

FILE = ROOT / "book" / "gpu_execution.json"
NONE = 2
"""The exit status where there is no GPU."""
Executor = Callable[[Path], Mapping[str, Any]]


class NoGPU(Exception):
    """torch finds no GPU on this machine; the message says what it finds."""


def card() -> dict[str, str]:
    """The first GPU: its name, its memory, its driver, and the CUDA that torch was built with.

    Raises:
        NoGPU: there is none.
    """
    import torch

    if not torch.cuda.is_available():
        built = (
            f"was built for CUDA {torch.version.cuda}"
            if torch.version.cuda
            else "was built without CUDA"
        )
        raise NoGPU(
            f"torch {torch.__version__} finds no GPU on this machine (it {built}). Every chapter "
            "runs without one: make html. For a record, run `make gpu` where "
            "torch.cuda.is_available() is True"
        )
    properties = torch.cuda.get_device_properties(0)
    return {
        "gpu": properties.name,
        "memory": f"{properties.total_memory / 2**30:.0f} GiB",
        "driver": driver(),
        "cuda": str(torch.version.cuda),
    }


def driver() -> str:
    """The driver's version, as nvidia-smi says it; `unknown` without one."""
    command = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    except (OSError, subprocess.SubprocessError):
        return "unknown"
    return done.stdout.strip().partition("\n")[0] or "unknown"


def entry(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """What the record keeps of one executed chapter."""
    record = notebook["metadata"][KEY]
    return {
        "when": record["when"],
        "minutes": round(record["seconds"] / 60, 2),
        "profile": record["profile"],
        "processor": record["hardware"],
        "versions": record["versions"],
        "text": record["text"],
    }


def waiting(paths: Sequence[Path], before: Mapping[str, Any]) -> list[Path]:
    """The chapters that never ran on a GPU, then those whose code has changed since.

    Args:
        paths: chapters.
        before: the record of earlier runs.
    """
    known = before.get("chapters", {})
    texts = {path: text_of(json.loads(path.read_text(encoding="utf-8"))) for path in paths}
    changed = [path for path in paths if known.get(path.stem, {}).get("text") != texts[path]]
    return sorted(changed, key=lambda path: path.stem in known)


def collect(
    paths: Sequence[Path],
    hardware: Mapping[str, str],
    run: Executor,
    before: Mapping[str, Any],
    keep: Callable[[dict[str, Any]], None],
) -> list[str]:
    """What failed. A chapter that failed has no entry, whatever an earlier record said.

    Args:
        paths: chapters, in the order in which they run.
        hardware: what their entries say of the card.
        run: executes one.
        before: the record of earlier runs.
        keep: is given the record whenever a chapter has run.
    """
    chapters, failed = dict(before.get("chapters", {})), []
    for path in paths:
        print(f"gpu: {path.stem} ...", flush=True)
        chapters.pop(path.stem, None)
        try:
            chapters[path.stem] = {**hardware, **entry(run(path))}
        except NotebookFailed as error:
            failed.append(str(error))
        else:
            print(f"gpu: {path.stem}: {chapters[path.stem]['minutes']} min", flush=True)
        keep({"chapters": chapters})
    return failed


def write(record: dict[str, Any]) -> None:
    """Writes the record."""
    FILE.write_text(f"{json.dumps(record, indent=1, ensure_ascii=False)}\n", encoding="utf-8")


def main() -> int:
    try:
        hardware = card()
    except NoGPU as error:
        print(f"gpu: {error}.", file=sys.stderr)
        return NONE
    before = json.loads(FILE.read_text(encoding="utf-8"))
    larger = [path for path in chapters() if runs_larger(path.read_text(encoding="utf-8"))]
    paths = waiting(larger, before)
    failed = collect(paths, hardware, lambda path: execute(path, profile="gpu"), before, write)
    print(f"gpu: {len(paths) - len(failed)} of {len(paths)} chapters ran; {FILE.relative_to(ROOT)}")
    for message in failed:
        print(f"gpu: failed: {message}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
