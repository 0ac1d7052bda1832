"""`trlib conformance`: a function held against golden vectors."""

from __future__ import annotations

import argparse
import sys
from threading import Timer
from typing import Any

from trlib.cli import options as shared

TEXT = "hold your loss against golden vectors"
EXAMPLES = """\
examples:
  trlib conformance --function losses.py:clip --loss ppo     your function (logp, logp_old, advantages, mask)
  trlib conformance --function my.losses:clip --loss ppo --verbose      and the first token that differs
  trlib conformance --function my.losses:clip                which loss is it?
  trlib conformance --function my.losses:k3 --loss k3        your KL estimator (logp, logp_old); or k1, k2
  trlib conformance --function my.losses:kl --kind kl        which estimator is it?
  trlib conformance --function my.losses:adv --kind advantage     your advantages (rewards, group): which are they?
  trlib conformance --function my.losses:tis --loss tis      your correction (logp_old, logp_rollout, mask)
  trlib conformance --function my.verl:loss --signature verl --loss dppo_tv --anchor rollout
  trlib conformance --vectors                                where the numbers and their specification lie

A line says agrees (value and gradient to 1e-6 relative, in float64), same gradient, other value (it trains the same
policy), differs and in what, or fails. Exit status: 0 it agrees or has the same gradient, 3 it differs or fails, 1 it
could not be run, 2 a wrong command line.
"""
DIFFERENT = 3
"""The exit status when something differs or fails."""
SEARCHING = "trlib: still searching: a loss that nothing explains may take two minutes"


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib conformance`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--function",
        metavar="MODULE:NAME",
        help="a function, also from a module in this folder, or of a file: FILE.py:NAME",
    )
    what.add_argument(
        "--vectors", action="store_true", help="print where the vectors and their specification lie"
    )
    parser.add_argument(
        "--kind",
        metavar="NAME",
        help="what the function computes: loss, kl, advantage or correction (default: what --loss "
        "names, else loss)",
    )
    parser.add_argument(
        "--signature",
        metavar="NAME",
        help="of the function: plain or verl (default: what its parameters' names say)",
    )
    parser.add_argument(
        "--loss",
        metavar="NAME",
        help="what the function should be: a loss (default: the nearest; grpo and dapo are names of "
        "a loss with its aggregation), k1, k2, k3, group_std, group_mean, leave_one_out, "
        "length_weighted, gae, tis, tis_seq, mis, mis_seq or icepop",
    )
    parser.add_argument(
        "--aggregation", metavar="NAME", help="to ask the function for (default: the loss's own)"
    )
    parser.add_argument(
        "--anchor",
        metavar="NAME",
        help="whose log-probs stand in the function's one place for an anchor: recomputed or "
        "rollout (default: of a plain function the loss's own, else recomputed)",
    )
    parser.add_argument(
        "--verbose",
        action="store_true",
        help="below each line the first token that differs: its "
        "place, its inputs, what was expected and what came (--json always has them)",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument of a plain function; repeat",
    )


def run(args: argparse.Namespace) -> int:
    """Compare and print."""
    from trcheck.conformance import functions
    from trcheck.conformance import vectors as golden
    from trcheck.conformance.report import TRAINS_ALIKE, lines
    from trcheck.conformance.search import AGREES, FLOAT32

    for option in ("signature", "loss", "aggregation", "anchor", "set", "kind"):
        if getattr(args, option) and not args.function:
            raise ValueError(f"--{option}: expected --function beside it, got none")
    if args.vectors:
        places = {
            "vectors": str(golden.PATH),
            "specification": str(golden.PATH.with_name("SPECIFICATION.md")),
        }
        shared.print_json(places) if args.json else print(*places.values(), sep="\n")
        return 0
    vectors, given = golden.load(), _given(args.set)
    signature = args.signature or functions.signature_of(
        args.function, loss=args.loss, kind=args.kind, given=given
    )
    waiting = Timer(5, print, (SEARCHING,), {"file": sys.stderr})
    waiting.daemon = True
    waiting.start()
    try:
        findings = list(
            functions.hold(
                vectors,
                args.function,
                signature=signature,
                loss=args.loss,
                how=args.aggregation,
                anchor=args.anchor,
                given=given,
                kind=args.kind,
            )
        )
    finally:
        waiting.cancel()
    if args.json:
        about = {"function": args.function, "signature": signature}
        held = {"vectors": vectors.version, "tolerance": {"float64": AGREES, "float32": FLOAT32}}
        shared.print_json({**about, **held, "findings": [f.as_dict() for f in findings]})
    else:
        print(*lines(findings, args.verbose), sep="\n")
        print(
            f"held to {AGREES:g} relative in float64, {FLOAT32:g} in float32; vectors version "
            f"{vectors.version}"
        )
    return 0 if all(f.status in TRAINS_ALIKE for f in findings) else DIFFERENT


def _given(texts: list[str]) -> dict[str, Any]:
    """Settings from texts like eps_low=.2: a number where it reads as one."""
    settings: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ValueError(f"--set: expected NAME=VALUE, got {text!r}")
        try:
            settings[name] = float(value)
        except ValueError:
            settings[name] = {"none": None, "true": True, "false": False}.get(value.lower(), value)
    return settings
