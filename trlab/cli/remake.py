"""`trlib remake`: make the data of one of the book's figures again, draw it, and compare it with
the record."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from trlib.cli import options as shared

if TYPE_CHECKING:
    from trlab.remake import Remade

TEXT = "compute a figure's data again, draw it, and compare it with the record"
EXAMPLES = """\
examples:
  trlib remake                          which figures there are
  trlib remake stale                    run what it shows, draw it beside the recorded one, say whether they agree
  trlib remake stale --cells 4          only the first four of its cells
  trlib remake stale --smoke            at the smallest size: prove that it runs

Into the folder go NAME.svg, NAME-recorded.svg (from the record of the same cells) and the record of what was made. The
same command goes on where it was stopped.
"""


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib remake`."""
    parser.add_argument("name", nargs="?", help="a figure of the book (none: list them)")
    parser.add_argument(
        "--out",
        type=shared.path,
        metavar="FOLDER",
        help="where it is made and drawn (default: figures/NAME)",
    )
    parser.add_argument(
        "--cells",
        type=shared.whole,
        metavar="N",
        help="only the first N of its cells, seed by seed (default: all)",
    )
    parser.add_argument(
        "--workers",
        type=shared.whole,
        metavar="N",
        help="processes, one thread each (default: one per core; 0: this process)",
    )
    parser.add_argument(
        "--smoke", action="store_true", help="one seed, one small batch: prove that it runs"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """Make and draw a figure; 1 where a cell fails or does not agree with its record, 130 after
    Ctrl-C, 143 SIGTERM."""
    from trlab.drawing.figure_registry import figure

    if args.name is None:
        return _list(args)
    for name, least in (("cells", 1), ("workers", 0)):
        if getattr(args, name) is not None and getattr(args, name) < least:
            raise ValueError(f"--{name}: expected {least} or more, got {getattr(args, name)}")
    shown = figure(args.name)
    from trlab.drawing.recorded import draw
    from trlab.remake import remake

    out = Path("figures", args.name) if args.out is None else Path(args.out).expanduser()
    made = remake(
        shown,
        out,
        cells=args.cells,
        smoke=args.smoke,
        workers=args.workers,
        say=(lambda line: None) if args.quiet else None,
    )
    if made.outcome.status:  # stopped before its last cell: there is no figure yet
        return made.outcome.status
    drawn = [out / f"{args.name}.svg"]
    drawing = draw(shown, made.sweep, made.outcome.runs, made.history)
    drawing.save(drawn[0])
    if made.recorded is not None:
        drawn.append(out / f"{args.name}-recorded.svg")
        draw(shown, made.sweep, *made.recorded).save(drawn[1])
    _report(made, drawn, drawing.alt, args)
    return 1 if made.outcome.failed or (made.agreements and not made.agrees) else 0


def _report(made: Remade, drawn: list[Path], alt: str, args: argparse.Namespace) -> None:
    from trlab.verify import told

    if args.json:
        shared.print_json(
            {
                "figure": args.name,
                "drawn": [str(path) for path in drawn],
                "shows": alt,
                "cells": len(made.outcome.runs),
                "agree": sum(one.agrees for one in made.agreements),
                "of": len(made.agreements),
                "failed": [
                    {"cell": str(cell), "error": error} for cell, error in made.outcome.failed
                ],
                "compared": [
                    {"cell": str(one.cell), "verdict": one.verdict, "text": one.text}
                    for one in made.agreements
                ],
            }
        )
        return
    for one in made.agreements:
        if not one.agrees:
            print(f"{one.verdict}  {one.cell}: {one.text}")
    for cell, error in made.outcome.failed:
        print(f"failed  {cell}: {error}")
    print(f"drawn: {' and '.join(map(str, drawn))}")
    if made.agreements:
        print(told(made.agreements))
    else:
        print("nothing of this size is recorded: there is nothing to compare with")


def _list(args: argparse.Namespace) -> int:
    from trlab.drawing.figure_registry import FIGURES
    from trlab.record import is_recorded

    found = {
        name: {"sweep": one.sweep, "text": one.text, "recorded": is_recorded(one.sweep)}
        for name, one in FIGURES.items()
    }
    if args.json:
        shared.print_json(found)
        return 0
    width = max(map(len, found))
    for name, about in found.items():
        print(
            f"{name:<{width}}  {'recorded' if about['recorded'] else 'not run '}  {about['text']}"
        )
    return 0
