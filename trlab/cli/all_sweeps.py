"""`trlib sweep --all`: every sweep of the package, one after the other."""

from __future__ import annotations

import argparse
import sys
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trlib.cli import options as shared

if TYPE_CHECKING:
    from trlab.sweep import Sweep


def run_all(args: argparse.Namespace) -> int:
    """Run what is missing of every sweep; one whose policy comes in an optional package is left out
    where that is not installed."""
    from trlab.runner import conduct, duration, plan
    from trlab.sweep import declared

    _check(args)
    folder, waiting = Path(args.out or "sweeps").expanduser(), deque(declared())
    records = folder if args.remake and not args.smoke else None
    found: list[dict[str, Any]] = []
    status = 0
    for name, sweep in _as_they_can_be_loaded(waiting, records):
        if missing := _missing(sweep):
            print(f"{name}: left out: {missing}", file=sys.stderr, flush=True)
            continue
        began = time.monotonic()
        planned = plan(
            sweep.smoke() if args.smoke else sweep,
            out=folder / name,
            shard=args.shard,
            remake=args.remake,
            prefer=args.prefer,
        )
        say = (lambda line: None) if args.quiet else None
        done = conduct(planned, workers=args.workers, say=say)
        found.append(
            {
                "sweep": name,
                "cells": len(planned.cells),
                "ran": done.ran,
                "failed": len(done.failed),
                "interrupted": done.interrupted,
            }
        )
        if not args.json:
            print(
                f"{name}: {len(planned.cells)} cells, {done.ran} run now, {len(done.failed)} "
                f"failed, in {duration(time.monotonic() - began)}; {len(waiting)} sweeps left",
                flush=True,
            )
        if done.interrupted:
            status = done.status
            break
    if args.json:
        shared.print_json(found)
    return status or (1 if any(one["failed"] for one in found) else 0)


def _check(args: argparse.Namespace) -> None:
    words = [
        args.name,
        "--method" if args.method else None,
        args.verify and "--verify",
        "--dry-run" if args.dry_run else None,
    ]
    given = [word for word in words if word]
    if given:
        raise ValueError(
            "--all: expected neither a sweep's name nor --method, --verify or --dry-run, got "
            f"{given[0]}"
        )


def _as_they_can_be_loaded(
    waiting: deque[str], records: Path | None
) -> Iterator[tuple[str, Sweep]]:
    """Each sweep by its name; one that rests on another's record waits for it."""
    from trlab.record import RecordError
    from trlab.sweep import load_sweep

    put_off = 0
    while waiting:
        name = waiting.popleft()
        try:
            sweep = load_sweep(name, records=records)
        except RecordError:
            waiting.append(name)
            put_off += 1
            if put_off == len(waiting):
                raise
            continue
        put_off = 0
        yield name, sweep


def _missing(sweep: Sweep) -> str:
    """Why the sweep's policy cannot be loaded here; empty: it can."""
    from trlib.errors import CheckpointError, MissingExtra
    from trlib.model.gguf import PACKAGED, in_package

    if sweep.policy not in PACKAGED:
        return ""
    try:
        in_package(sweep.policy)
    except (CheckpointError, MissingExtra) as error:
        return str(error)
    return ""
