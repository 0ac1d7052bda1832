"""Executes the chapters that run larger on a GPU, and writes book/gpu_execution.json: `make gpu`.

One call fits a card that is lent for a quarter of an hour: chapters that never ran on a GPU come first,
then those whose code has changed since, a chapter at a time, so that its minutes are its own, and none is
begun that would not end in time. Each is recorded when it has run, so that the next call goes on with
the others. The record holds the card, its driver, the versions, and of each chapter when it ran, how
long it took and what its figures said: a figure's description is written by the cell that drew it,
numbers and all. A chapter that fails is reported and left out. A chapter's page prints its line of the
record (`book.build.ext.execution`). Without a GPU nothing is run and nothing is written: the exit status
is 2.

Chapters download nothing unless they are told to: `make gpu TRLIB_DOWNLOAD=1`.
"""

from __future__ import annotations

import argparse
import html
import json
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from book.build.execute import KEY, NotebookFailed, execute, text_of
from book.build.ext.execution import runs_larger
from book.build.paths import ROOT, chapters

FILE = ROOT / "book" / "gpu_execution.json"
UNKNOWN = 6.0
"""Minutes that a chapter is expected to take that never ran."""
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


def said(notebook: Mapping[str, Any]) -> dict[str, str]:
    """What each figure of an executed chapter shows, in the words of the cell that drew it, by the
    figure's name."""
    found = {}
    for cell in notebook["cells"]:
        name = cell["metadata"].get("mystnb", {}).get("figure", {}).get("name")
        for out in cell.get("outputs", []):
            page = "".join(out.get("data", {}).get("text/html", ""))
            label = re.search(
                r'class="trlib-drawing".*?role="img" aria-label="([^"]*)"', page, re.DOTALL
            )
            if name and label:
                found[name] = html.unescape(label[1])
    return found


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
        "figures": said(notebook),
    }


@dataclass(frozen=True)
class Planned:
    """A chapter that is to run."""

    path: Path
    minutes: float
    """That it is expected to take."""
    why: str


def plan(paths: Sequence[Path], before: Mapping[str, Any], again: bool = False) -> list[Planned]:
    """The chapters that are to run, the one that is worth most first.

    Args:
        paths: chapters.
        before: the record of earlier runs.
        again: also those whose record is that of their code.
    """
    found = []
    for path in paths:
        entry = before.get("chapters", {}).get(path.stem)
        text = text_of(json.loads(path.read_text(encoding="utf-8")))
        if entry is None:
            found.append(Planned(path, UNKNOWN, "never ran on a GPU"))
        elif entry["text"] != text:
            found.append(Planned(path, entry["minutes"], "its code has changed since"))
        elif again:
            found.append(Planned(path, entry["minutes"], "once more"))
    return sorted(found, key=lambda one: (one.why != "never ran on a GPU", one.minutes))


def collect(
    planned: Sequence[Planned],
    hardware: Mapping[str, str],
    run: Executor,
    before: Mapping[str, Any],
    keep: Callable[[dict[str, Any]], None],
    minutes: float = float("inf"),
) -> tuple[list[str], list[Planned]]:
    """What failed, and what there was no time for. A chapter that failed has no entry, whatever an
    earlier record said.

    Args:
        planned: chapters, in the order in which they run.
        hardware: what their entries say of the card.
        run: executes one.
        before: the record of earlier runs.
        keep: is given the record whenever a chapter has run.
        minutes: none is begun that is expected to end later.
    """
    chapters, failed, late = dict(before.get("chapters", {})), [], []
    began = time.monotonic()
    for one in planned:
        name, spent = one.path.stem, (time.monotonic() - began) / 60
        if spent + one.minutes > minutes:
            late.append(one)
            continue
        print(f"gpu: {name}, {one.why}: about {one.minutes:.0f} min ...", flush=True)
        chapters.pop(name, None)
        try:
            chapters[name] = {**hardware, **entry(run(one.path))}
        except NotebookFailed as error:
            failed.append(str(error))
        else:
            print(f"gpu: {name}: {chapters[name]['minutes']} min", flush=True)
        keep({"chapters": chapters})
    return failed, late


def write(record: dict[str, Any]) -> None:
    """Writes the record."""
    FILE.write_text(f"{json.dumps(record, indent=1, ensure_ascii=False)}\n", encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Execute the chapters on a GPU and record it.")
    parser.add_argument(
        "--only", nargs="+", metavar="NN_name", help="these chapters, whatever their sizes"
    )
    parser.add_argument(
        "--all", action="store_true", help="also those that are recorded as they are"
    )
    parser.add_argument(
        "--minutes", type=float, default=15, help="begin none that would end later (default: 15)"
    )
    parser.add_argument("--dry-run", action="store_true", help="say what would run; needs no GPU")
    given = parser.parse_args(arguments)
    paths = [
        path
        for path in chapters()
        if (path.stem in given.only if given.only else runs_larger(path.read_text("utf-8")))
    ]
    before = json.loads(FILE.read_text(encoding="utf-8"))
    planned = plan(paths, before, again=given.all or bool(given.only))
    if given.dry_run:
        for one in planned:
            print(f"gpu: {one.path.stem}, {one.why}: about {one.minutes:.0f} min")
        return 0
    try:
        hardware = card()
    except NoGPU as error:
        print(f"gpu: {error}.", file=sys.stderr)
        return NONE
    failed, late = collect(
        planned, hardware, lambda path: execute(path, profile="gpu"), before, write, given.minutes
    )
    ran = len(planned) - len(failed) - len(late)
    print(f"gpu: {ran} of {len(planned)} chapters ran; {FILE.relative_to(ROOT)}")
    for one in late:
        print(f"gpu: no time left for {one.path.stem}, about {one.minutes:.0f} min; call it again")
    for message in failed:
        print(f"gpu: failed: {message}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
