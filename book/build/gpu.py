"""Executes the chapters that run larger on a GPU, and writes book/gpu_execution.json: `make gpu`.

A chapter whose code has not changed since its last run there is left out. Each is recorded when it has
run, so that a call that was cut off goes on with the others. The record holds the card, the versions,
and of each chapter when it ran and how long it took. A chapter that fails is reported and has no record.
A chapter's page prints its line of the record (`book.build.ext.execution`).
Without a GPU nothing is run and nothing is written: the exit status is 2.

Chapters download nothing unless they are told to: `make gpu TRLIB_DOWNLOAD=1`.
"""

from __future__ import annotations

import json
import sys

import nbformat

from book.build.execute import KEY, NotebookFailed, execute, text_of
from book.build.ext.execution import runs_larger
from book.build.paths import ROOT, chapters

FILE = ROOT / "book" / "gpu_execution.json"
NONE = 2
"""The exit status where there is no GPU."""


def card() -> dict[str, str] | None:
    """The first GPU: its name, its memory, and the CUDA that torch was built with; None: torch finds
    none."""
    import torch

    if not torch.cuda.is_available():
        return None
    properties = torch.cuda.get_device_properties(0)
    return {
        "gpu": properties.name,
        "memory": f"{properties.total_memory / 2**30:.0f} GiB",
        "cuda": str(torch.version.cuda),
    }


def main() -> int:
    device = card()
    if device is None:
        print(
            "gpu: torch finds no GPU on this machine. Every chapter runs without one: make html. For "
            "a record, run `make gpu` where torch.cuda.is_available() is True.",
            file=sys.stderr,
        )
        return NONE
    record = json.loads(FILE.read_text(encoding="utf-8"))
    kept, failed = record["chapters"], False
    for path in chapters():
        notebook = nbformat.read(path, as_version=4)
        if not runs_larger(notebook) or kept.get(path.stem, {}).get("text") == text_of(notebook):
            continue
        print(f"gpu: {path.stem} ...", flush=True)
        kept.pop(path.stem, None)
        try:
            kept[path.stem] = {**device, **execute(path, profile="gpu")["metadata"][KEY]}
        except NotebookFailed as error:
            failed = True
            print(f"gpu: failed: {error}", file=sys.stderr)
        text = json.dumps(record, indent=1, ensure_ascii=False)
        FILE.write_text(f"{text}\n", encoding="utf-8")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
