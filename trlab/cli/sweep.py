"""`trlib sweep`: run a declared sweep, or say what is recorded of it."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from trlib.cli import options as shared

if TYPE_CHECKING:
    import pandas as pd

    from trlab.runner import Plan

TEXT = "run a recorded sweep, or add a method of your own to it"
EXAMPLES = """\
examples:
  trlib sweep                                    which there are
  trlib sweep reuse                              what is recorded; what is missing is run, on all cores
  trlib sweep reuse --method my.py:MyMethod      your own method beside the recorded ones
  trlib sweep reuse --verify 3                   run three recorded cells again and compare
  trlib sweep reuse --remake                     all of it, anew

Ctrl-C, or SIGTERM, finishes the cells in hand. After it, or after a kill, the same command goes on with the cells that
are missing.
"""
VERIFY = 3


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib sweep`."""
    parser.add_argument("name", nargs="?", help="a sweep of the package, or a file of one's own")
    parser.add_argument(
        "--out",
        type=shared.path,
        metavar="FOLDER",
        help="where its record is kept (default: sweeps/NAME)",
    )
    parser.add_argument(
        "--workers",
        type=shared.whole,
        metavar="N",
        help="processes, one thread each (default: one per core; 0: this process, where nothing "
        "stops a cell that takes longer than the budget's minutes)",
    )
    parser.add_argument(
        "--method",
        action="append",
        default=[],
        metavar="FILE.py:CLASS",
        help="a method of one's own beside the sweep's; repeat",
    )
    parser.add_argument(
        "--verify",
        type=shared.whole,
        nargs="?",
        const=VERIFY,
        metavar="K",
        help=f"run K recorded cells again (default: {VERIFY}) and say whether they agree",
    )
    parser.add_argument(
        "--remake", action="store_true", help="do not count what ships with the package as done"
    )
    parser.add_argument(
        "--smoke", action="store_true", help="one seed, one small batch: prove that it runs"
    )
    parser.add_argument("--dry-run", action="store_true", help="list the cells and run nothing")
    parser.add_argument("--quiet", action="store_true", help="no progress")


def run(args: argparse.Namespace) -> int:
    """Run what is missing and print the table; 1 where a cell failed or differs, 130 after Ctrl-C,
    143 SIGTERM."""
    from trlab.sweep import load_sweep

    if args.name is None:
        return _list(args)
    if args.workers is not None and args.workers < 0:
        raise ValueError(f"--workers: expected 0 or more, got {args.workers}")
    if args.verify is not None and args.verify < 1:
        raise ValueError(f"--verify: expected 1 or more cells, got {args.verify}")
    sweep = load_sweep(args.name).beside(args.method)
    from trlab.runner import plan

    out = None if args.out is None else Path(args.out).expanduser()
    planned = plan(sweep.smoke() if args.smoke else sweep, out=out, remake=args.remake)
    if args.dry_run:
        return _cells(planned, args)
    return _run(planned, args) if args.verify is None else _verify(planned, args)


def _list(args: argparse.Namespace) -> int:
    from trlab.record import RecordError, is_recorded
    from trlab.sweep import declared, load_sweep

    listed = {}
    for name in declared():
        try:
            text = load_sweep(name).text
        except RecordError as error:  # it rests on another's record, which has not been made yet
            text = str(error)
        listed[name] = {"text": text, "recorded": is_recorded(name)}
    if args.json:
        shared.print_json(listed)
        return 0
    width = max(map(len, listed))
    for name, about in listed.items():
        print(
            f"{name:<{width}}  {'recorded' if about['recorded'] else 'not run '}  {about['text']}"
        )
    return 0


def _cells(planned: Plan, args: argparse.Namespace) -> int:
    rows = [
        {
            "cell": cell.id,
            "status": planned.record.rows.get(cell.id, {}).get("status", "to run"),
            "what": str(cell),
        }
        for cell in planned.cells
    ]
    if args.json:
        shared.print_json(rows)
        return 0
    for row in rows:
        print(f"{row['cell']}  {row['status']:<6}  {row['what']}")
    print(f"\n{len(rows)} cells, {len(planned.missing)} to run into {planned.out}")
    return 0


def _run(planned: Plan, args: argparse.Namespace) -> int:
    from trlab.findings import table
    from trlab.runner import conduct
    from trlab.verdicts import judge

    _warn_of_versions(planned)
    done = conduct(planned, workers=args.workers, say=(lambda line: None) if args.quiet else None)
    history = planned.record.history(done.runs["cell"] if len(done.runs) else ())
    rows = table(planned.sweep, done.runs, history=history) if len(done.runs) else done.runs
    findings = judge(planned.sweep, done.runs, history)
    if args.json:
        shared.print_json(
            {
                "sweep": planned.sweep.name,
                "out": str(planned.out),
                "ran": done.ran,
                "interrupted": done.interrupted,
                "table": rows.to_dict("records"),
                "failed": [{"cell": str(cell), "error": error} for cell, error in done.failed],
                "known": planned.sweep.known,
                "predictions": [
                    {
                        "text": f.prediction.in_full,
                        "verdict": f.verdict,
                        "p": f.p,
                        "corrected": f.corrected,
                        "family": f.family,
                    }
                    for f in findings
                ],
            }
        )
    else:
        _report(rows)
        if findings:
            print("\n".join(["", *map(str, findings)]))
        if known := planned.sweep.known:
            print(f"\nknown beforehand: {known}")
        for cell, error in done.failed:
            print(f"failed: {cell}: {error}")
    return done.status or (1 if done.failed else 0)


def _report(rows: pd.DataFrame) -> None:
    """The table."""
    if not len(rows):
        print("nothing has been run")
        return
    # --json has them.
    left_out = [
        "seconds",
        "ess",
        "kl_sampler",
        "start",
        "spent",
    ]
    shown = rows.drop(columns=left_out, errors="ignore")
    print(
        shown.to_string(
            index=False,
            float_format="{:.3f}".format,
            formatters={"kl": "{:.4f}".format},
        )
    )


def _verify(planned: Plan, args: argparse.Namespace) -> int:
    from trlab.verify import summary, verify

    agreements = verify(
        planned, args.verify, workers=args.workers, say=None if args.json or args.quiet else print
    )
    agree = sum(one.agrees for one in agreements)
    if args.json:
        shared.print_json(
            {
                "sweep": planned.sweep.name,
                "agree": agree,
                "of": len(agreements),
                "cells": [
                    {
                        "cell": str(one.cell),
                        "verdict": one.verdict,
                        "text": one.text,
                        "other": list(one.other),
                    }
                    for one in agreements
                ],
            }
        )
    else:
        print(summary(agreements))
    return 0 if agree == len(agreements) else 1


def _warn_of_versions(planned: Plan) -> None:
    """Say where recorded cells come from other versions, or from a change to the package that no
    commit holds."""
    from trlab.provenance import commit, versions

    rows = [
        planned.record.rows[cell.id] for cell in planned.cells if cell.id in planned.record.rows
    ]
    for made, count in Counter(row.get("versions", versions()) for row in rows).items():
        if made != versions():
            print(
                f"trlib: warning: {count} recorded cells were made with {made}; here: {versions()}",
                file=sys.stderr,
            )
    here = commit()
    if here.endswith("+changes"):
        others = sum(row.get("commit", "") != here for row in rows)
        if others:
            print(
                f"trlib: warning: {others} recorded cells were made by other code, and are not "
                f"run again; here: {here}; --verify runs some again, --remake all",
                file=sys.stderr,
            )
