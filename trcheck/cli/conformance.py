"""`trlib conformance`: a function held against golden vectors, a library's settings against their
record."""

from __future__ import annotations

import argparse
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

from trcheck.cli.stage import Stage
from trlib.cli import options as shared

TEXT = "hold your loss against golden vectors"
EXAMPLES = """\
examples:
  trlib conformance --function my.losses:clip --loss ppo     your function (logp, logp_old, advantages, mask)
  trlib conformance --function my.losses:clip --loss ppo --verbose      and the first token that differs
  trlib conformance --function my.losses:clip                which loss is it?
  trlib conformance --function my.losses:k3 --loss k3        your KL estimator (logp, logp_old); or k1, k2
  trlib conformance --function my.losses:kl --kind kl        which estimator is it?
  trlib conformance --function my.losses:adv --kind advantage     your advantages (rewards, group): which are they?
  trlib conformance --function my.losses:tis --loss tis      your correction (logp_old, logp_rollout, mask)
  trlib conformance --function my.verl:loss --signature verl --loss dppo_tv --anchor rollout
  trlib conformance --function my.trainers:Mine --signature trl --loss cispo
  trlib conformance --vectors                                where the numbers and their specification lie
  trlib conformance --drop-in tests                          a test file and its numbers, for a repository of yours
  trlib conformance --settings                               settings of what is installed: what is not as recorded?
  trlib conformance --settings --source clones               and of every clone in this folder
  trlib conformance --settings --library trl                 its settings for mismatch and staleness: still as recorded?
  trlib conformance --settings --library slime --source slime    of a library that is not installed, from a clone of it

A line says agrees (value and gradient to 1e-6 relative, in float64), same gradient, other value (it trains the same
policy), differs and in what, or fails. Exit status: 0 it agrees or has the same gradient, or all settings are as
recorded, 3 something differs or fails, 1 it could not be run, 2 a wrong command line.
"""
DIFFERENT = 3
"""The exit status when something differs or fails."""
SEARCHING = "still searching: a loss that nothing explains may take two minutes"


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib conformance`."""
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument(
        "--function", metavar="MODULE:NAME", help="a function, also from a file in this folder"
    )
    what.add_argument(
        "--vectors", action="store_true", help="print where the vectors and their specification lie"
    )
    what.add_argument(
        "--drop-in",
        metavar="FOLDER",
        help="write a test file that needs torch only, and its numbers",
    )
    what.add_argument(
        "--settings",
        action="store_true",
        help="read recorded settings again: of all that is installed, or of --library",
    )
    parser.add_argument(
        "--library",
        metavar="NAME",
        help="for --settings: verl, trl, torchrl (installed); skyrl, prime-rl, slime, openrlhf, "
        "nemo-rl, areal, ms-swift (from --source)",
    )
    parser.add_argument(
        "--source",
        metavar="FOLDER",
        help="a clone of the library, for one that is not installed; without --library a folder of "
        "clones",
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
        help="of the function: plain, verl or trl (default: what its parameters' names say)",
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

    _refuse(args)
    if args.settings:
        return _settings(args)
    if args.vectors:
        places = {
            "vectors": str(golden.PATH),
            "specification": str(golden.PATH.with_name("SPECIFICATION.md")),
        }
        shared.print_json(places) if args.json else print(*places.values(), sep="\n")
        return 0
    if args.drop_in:
        from trcheck.conformance.drop_in import write

        written = [str(path) for path in write(Path(args.drop_in))]
        shared.print_json({"written": written}) if args.json else print(*written, sep="\n")
        return 0
    vectors, given = golden.load(), _given(args.set)
    signature = args.signature or functions.signature_of(
        args.function, loss=args.loss, kind=args.kind, given=given
    )
    with Stage(SEARCHING, show=True):
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


def _refuse(args: argparse.Namespace) -> None:
    """Refuse options that have no effect beside what is asked for."""
    taken = {
        "--function": ("signature", "loss", "aggregation", "anchor", "set", "kind"),
        "--settings": ("library", "source"),
    }
    for asked, options in taken.items():
        for option in options:
            if getattr(args, option) and not getattr(args, asked[2:]):
                raise ValueError(f"--{option}: expected {asked} beside it, got none")


def _settings(args: argparse.Namespace) -> int:
    """Read the settings of a library again and say which are not as recorded."""
    from trcheck.conformance import libraries, settings
    from trlib.errors import unknown

    if not args.library:
        return _differences(args)
    if args.library not in settings.LIBRARIES:
        raise unknown("library", args.library, settings.LIBRARIES)
    if args.source and args.library not in libraries.SOURCES:
        raise ValueError(
            f"--source: expected one of {', '.join(libraries.SOURCES)} beside it, got "
            f"{args.library!r}"
        )
    folder = settings.root(args.library, args.source)
    about = _read_from(args.library, folder)
    checks = list(settings.check(args.library, folder))
    if args.json:
        shared.print_json({**about, "settings": [check.as_dict() for check in checks]})
    else:
        key = max(len(check.setting.key) for check in checks)
        default = max(len(check.setting.printed) for check in checks)
        for check in checks:
            setting = check.setting
            print(
                f"{setting.key:<{key}}  {setting.printed:<{default}}  {check.fault or 'as recorded'}"
            )
    return DIFFERENT if any(check.fault for check in checks) else 0


def _differences(args: argparse.Namespace) -> int:
    """Read what is installed, and every clone in a folder, and say what is not as recorded."""
    from trcheck.conformance import libraries, settings
    from trlib.errors import TrlibError

    folders: dict[str, Path] = {}
    for library in libraries.WRITTEN_FOR:
        with suppress(TrlibError):
            folders[library] = settings.root(library, None)
    clones = settings.clones(args.source) if args.source else {}
    if args.source and not clones:
        raise ValueError(
            f"--source: expected a folder of clones, named {', '.join(libraries.SOURCES)}, got "
            f"{args.source}"
        )
    if not folders | clones:
        raise TrlibError(f"none of {', '.join(libraries.WRITTEN_FOR)} is installed")
    read = []
    for library, folder in (folders | clones).items():
        about = _read_from(library, folder)
        checks = list(settings.check(library, folder))
        read.append({**about, "settings": [check.as_dict() for check in checks]})
        if not args.json:
            moved = [check for check in checks if check.fault]
            print(f"{library}: {len(checks) - len(moved)} of {len(checks)} as recorded")
            for check in moved:
                print(f"  {check.setting.key}  {check.setting.printed}  {check.fault}")
    if args.json:
        shared.print_json({"libraries": read})
    faults = [setting["fault"] for library in read for setting in library["settings"]]
    return DIFFERENT if any(faults) else 0


def _read_from(library: str, folder: Path) -> dict[str, Any]:
    """Which version or commit is there and which one was read for the record, with a warning where
    they differ."""
    from trcheck.conformance import libraries

    if library in libraries.SOURCES:
        source = libraries.read_in(library)
        commit = libraries.commit_of(folder)
        if commit != source.commit:
            what = "a folder without its commit" if commit is None else commit[:12]
            warnings.warn(
                f"written for {source.title} at {source.commit[:12]}, found {what}", stacklevel=1
            )
        return {"library": library, "commit": commit, "written_for": source.commit}
    found, written = libraries.installed(library), libraries.WRITTEN_FOR[library]
    if found != written:
        warnings.warn(f"written for {library} {written}, found {found}", stacklevel=1)
    return {"library": library, "version": found, "written_for": written}


def _given(texts: list[str]) -> dict[str, Any]:
    """Settings from texts like eps_low=.2: a number where it reads as one."""
    found: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise ValueError(f"--set: expected NAME=VALUE, got {text!r}")
        try:
            found[name] = float(value)
        except ValueError:
            found[name] = {"none": None, "true": True, "false": False}.get(value.lower(), value)
    return found
