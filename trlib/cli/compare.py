"""`trlib compare`: what differs between runs, and how they end."""

import argparse
from typing import Any

from trlib.cli import options as shared

TEXT = "compare runs: settings that differ, and how each ends"
EXAMPLES = """\
examples:
  trlib compare runs/a runs/b
  trlib compare runs/a runs/b --figure ab.png      their curves over each other as well
  trlib compare runs/a runs/b runs/c --last 20 --json
  trlib compare sweeps/reuse --figure arms.png     the arms of a sweep, each the mean over its seeds
"""


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib compare`."""
    parser.add_argument(
        "runs",
        nargs="+",
        type=shared.path,
        metavar="FOLDER",
        help="a run's folder (--out), or a sweep's",
    )
    parser.add_argument(
        "--last",
        type=shared.whole,
        default=10,
        metavar="N",
        help="batches at the end over which means are taken (default: 10)",
    )
    parser.add_argument(
        "--figure", type=shared.path, metavar="FILE", help="draw the curves into this file"
    )


def run(args: argparse.Namespace) -> int:
    """Compare and print."""
    from trlib.loop.saving.compare import compare

    found = compare(*args.runs, last=args.last)
    if args.figure is not None:
        found.plot().savefig(args.figure, dpi=150)
    if args.json:
        ends: dict[str, Any] = found.ends.to_dict("index")
        shared.print_json({"settings": found.settings.to_dict("index"), "ends": ends})
    else:
        print(found)
    return 0
