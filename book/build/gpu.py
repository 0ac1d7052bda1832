"""Executes the chapters that run larger on a GPU, and writes book/gpu_execution.json: `make gpu`.

A chapter whose code has not changed since its last run there is left out. Each is recorded when it has
run; its page prints the record (`book.build.ext.execution`). Chapters download nothing unless they are
told to: `make gpu TRLIB_DOWNLOAD=1`.
"""

from __future__ import annotations

import json
import sys

import nbformat
import torch

from book.build.execute import KEY, execute, text_of
from book.build.ext.execution import runs_larger
from book.build.paths import ROOT, chapters

FILE = ROOT / "book" / "gpu_execution.json"


def main() -> None:
    if not torch.cuda.is_available():
        sys.exit(
            "gpu: torch finds no GPU on this machine. Every chapter runs without one: make html"
        )
    card = torch.cuda.get_device_properties(0)
    device = {
        "gpu": card.name,
        "memory": f"{card.total_memory / 2**30:.0f} GiB",
        "cuda": str(torch.version.cuda),
    }
    record = json.loads(FILE.read_text(encoding="utf-8"))
    kept = record["chapters"]
    for path in chapters():
        notebook = nbformat.read(path, as_version=4)
        if runs_larger(notebook) and kept.get(path.stem, {}).get("text") != text_of(notebook):
            print(f"gpu: {path.stem} ...", flush=True)
            kept[path.stem] = {**device, **execute(path, profile="gpu")["metadata"][KEY]}
            text = json.dumps(record, indent=1, ensure_ascii=False)
            FILE.write_text(f"{text}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
