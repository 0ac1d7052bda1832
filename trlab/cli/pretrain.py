"""`trlib pretrain`: make an embedded checkpoint again."""

from __future__ import annotations

import argparse
from dataclasses import replace

from trlib.cli import options as shared
from trlib.cli.settings import assignments

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
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the recipe, such as steps=600,200; repeat",
    )
    parser.add_argument(
        "--knob",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a knob of the task; repeat (see `trlib tasks NAME`)",
    )
    parser.add_argument(
        "--check",
        type=shared.whole,
        metavar="N",
        help="prompts of each measured accuracy (default: as many as for the shipped checkpoint)",
    )
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Pretrain and print the card."""
    knobs = shared.typed_knobs(args.task, args.knob)
    from trlab.pretraining import BASES, Recipe, pretrain

    out = args.out or f"pretrained/{args.task}"
    changes = assignments(Recipe, args.set, what="the recipe")
    recipe = replace(BASES[args.task].recipe, **changes) if args.task in BASES else None
    card = pretrain(
        args.task,
        out=out,
        seed=args.seed,
        recipe=recipe,
        check=args.check,
        progress=not args.quiet,
        **knobs,
    )
    if args.json:
        shared.print_json({"out": out, **card})
    else:
        accuracy = card["accuracy"]
        print(
            f"saved in {out}: {card['parameters']:,} parameters, {card['seconds']:.0f} s, accuracy "
            f"sampled {accuracy['sampled']['accuracy']:.3f}, greedy "
            f"{accuracy['greedy']['accuracy']:.3f}"
        )
    return 0
