"""`trlib pretrain`: make an embedded checkpoint again."""

from __future__ import annotations

import argparse

from trlib.cli import options as shared

TEXT = "pretrain a task's base model again"
EXAMPLES = """\
examples:
  trlib pretrain dial --out my-dial && trlib evaluate --policy my-dial
  trlib pretrain dial --knob careful=0.05 --out rare
"""


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib pretrain`."""
    parser.add_argument("task", help="the task whose base model to make")
    parser.add_argument(
        "--out", type=shared.path, metavar="FOLDER", help="where (default: pretrained/TASK)"
    )
    parser.add_argument(
        "--seed", type=shared.whole, default=0, metavar="N", help="decides everything (default: 0)"
    )
    parser.add_argument(
        "--knob",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a knob of the task; repeat (see `trlib tasks NAME`)",
    )


def run(args: argparse.Namespace) -> int:
    """Pretrain and print where it is."""
    knobs = shared.typed_knobs(args.task, args.knob)
    from trlab.pretraining import pretrain

    out = args.out or f"pretrained/{args.task}"
    card = pretrain(args.task, out=out, seed=args.seed, **knobs)
    if args.json:
        shared.print_json({"out": out, **card})
    else:
        print(f"saved in {out}: {card['parameters']:,} parameters, {sum(card['steps']):,} updates")
    return 0
