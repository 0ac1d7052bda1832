"""`trlib diagnose`: what is wrong with a dump of rollouts, in words, as JSON, and as one page that needs
nothing but itself."""

from __future__ import annotations

import argparse
import sys
import traceback
from pathlib import Path

from trlib.cli import options as shared
from trlib.cli.options import Option, number, sentence, short_of_memory
from trlib.errors import TrlibError

STATUS = {"healthy": 0, "found": 1, "unclear": 2, "unusual": 3}
"""The exit status."""
OF_THE_INPUT = (TrlibError, ValueError, TypeError, OSError, ImportError, RecursionError)
"""Errors that a dump, or an argument, is to blame for; any other is a fault of this command."""
TEXT = "say what is wrong with a dump of rollouts, by name, and how many tokens a trust region would stop"
EXAMPLES = """\
examples:
  trlib diagnose rollouts.parquet                     writes rollouts.html beside it
  trlib diagnose rollouts.parquet --eps-high .28 --html report.html
  trlib diagnose dump.parquet --column logp=log_probs --column mask=response_mask --tokenizer Qwen/Qwen3-0.6B
  trlib diagnose rollouts.parquet --json > findings.json
  trlib diagnose token_exports/step_7                 all ranks of prime-rl together
  trlib diagnose rank_0.pt rank_1.pt                  slime's, or tensors under the names below
  trlib diagnose rollouts.jsonl --logprobs raw --temperature .7
  trlib diagnose today.parquet --against yesterday.parquet
  trlib diagnose --log train.log --settings run.sh    no dump: what lines of a log say

A file is parquet, JSON lines (an object for each row), JSON, CSV, NPZ, .pt, a token export of prime-rl or a training
dump of slime. Several files, or a folder, are the ranks of one batch and are read together. A row is a completion with
a list in each of the columns logp, logp_rollout, advantage and mask, or it is a token with a number in each of them and
its completion's id in the column completion. Also read where the file has them: logp_old, tokens (ids), text (of every
token), and prompt, group, reward and version (of the policy that sampled) of a completion. The names of verl, TRL,
slime, prime-rl, SkyRL, NeMo-RL, OpenRLHF and AReaL are recognised.

Exit status: 0 healthy, 1 a cause was found, 2 cannot be judged, 3 unusual: certain, and of no name.
"""
KINDS = ("raw", "processed")
# A test compares these tables with `sampling.KINDS` and the fields of `Limits`: asking them here
# would import torch before --help.
OPTIONS: tuple[Option, ...] = (
    ("eps_low", float, 0.2, "PPO's window below 1"),
    ("eps_high", float, 0.2, "PPO's window above 1"),
    ("delta_tv", float, 0.15, "DPPO's threshold on total variation, a probability"),
    ("delta_kl", float, 0.05, "DPPO's threshold on KL(mu || pi), nats"),
    ("cap", float, 2.0, "the largest factor of truncated importance sampling"),
)


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib diagnose`."""
    parser.add_argument(
        "file",
        metavar="FILE",
        nargs="*",
        help="a dump, the dumps of several ranks, or their folder",
    )
    for option, text in {
        "--log": "instead of a dump, lines of a training log of TRL or verl: says what follows from them",
        "--settings": "beside --log, the run's settings: a command, a YAML or lines of key=value",
        "--plot": "beside --log, a picture: its curves over recorded runs, healthy and ill ones",
    }.items():
        parser.add_argument(option, type=shared.path, metavar="FILE", help=text)
    parser.add_argument(
        "--html",
        "--out",  # as every command that writes calls it
        type=shared.path,
        metavar="REPORT",
        help="the report, one page that needs nothing but itself (default: the first FILE with the "
        "ending .html)",
    )
    parser.add_argument(
        "--column",
        action="append",
        default=[],
        metavar="NAME=COLUMN",
        help="the file's own name of a column; repeat",
    )
    parser.add_argument(
        "--tokenizer",
        type=shared.name,
        metavar="NAME",
        help="turns the ids in `tokens` into text: an embedded model, a folder or a hub id",
    )
    parser.add_argument(
        "--logprobs",
        choices=KINDS,
        help="what logp_rollout holds: processed log-probs, of the distribution that sampled, or "
        "raw ones, before temperature, top-p and penalties (default: what the file says)",
    )
    for option in ("--temperature", "--top-p"):
        text = "the sampler's (default: what the file says)"
        parser.add_argument(option, type=number, metavar="X", help=text)
    parser.add_argument(
        "--against",
        metavar="HEALTHY",
        type=shared.path,
        help="the run's last healthy dump, or what --json said of it: a mismatch that has doubled "
        "since is a cause",
    )
    shared.add(parser, OPTIONS)


def run(args: argparse.Namespace) -> int:
    """Read, judge, write the page, say what was found. A dump that cannot be read cannot be judged,
    nor can one that ends in an error of our own: 1 says that a cause was found, and nothing else."""
    try:
        return _run(args)
    except BrokenPipeError:
        raise
    except Exception as error:
        ours = not isinstance(error, OF_THE_INPUT) and not short_of_memory(error)
        if args.traceback or ours:
            traceback.print_exception(error)
        reason = _reason(error, ours)
        if args.json:
            headline = f"cannot be judged, because {reason}"
            shared.print_json(
                {"verdict": "unclear", "headline": headline, "causes": [], "error": reason}
            )
        print(f"trlib: error: {reason}", file=sys.stderr)
        return STATUS["unclear"]


def _reason(error: Exception, ours: bool) -> str:
    if short_of_memory(error):
        return (
            f"expected a dump that fits into memory, got one that does not ({sentence(error)}); a "
            "part of its completions shows the same causes"
        )
    if isinstance(error, RecursionError):
        return "expected rows of numbers and texts, got a file that is nested too deep"
    if ours:
        return (
            f"trlib diagnose failed ({type(error).__name__}: {sentence(error)}), which is a fault of "
            "its own; where it is stands above"
        )
    return sentence(error)


def _log(args: argparse.Namespace) -> int:
    """What lines of a log say; 1 if a rule applies, 0 if none, 2 if nothing was recognised."""
    if args.file:
        raise ValueError(f"--log: expected no dump beside it, got {args.file[0]!r}")
    from trcheck.diagnose import alike, log

    texts = [Path(name).read_text(encoding="utf-8") for name in (args.log, args.settings) if name]
    recognised, messages = log.judge(*texts)
    series, recorded = log.read(texts[0]), alike.runs()
    found = alike.compare(texts[0], recorded)
    if args.json:
        statements = [{"sentence": sentence, "see": see} for sentence, see in messages]
        shared.print_json(
            {"recognised": recognised, "statements": statements, "alike": found.sentence}
        )
    else:
        print(log.text(recognised, messages))
        if found.words:
            print("\n" + alike.text(found, series, recorded))
    if args.plot is not None:
        if not found.words:
            raise ValueError(f"--plot: expected a log that can be compared: {found.sentence}")
        alike.plot(args.plot, found, series, recorded)
    return STATUS["unclear"] if not recognised else int(bool(messages))


def _run(args: argparse.Namespace) -> int:
    if args.log is not None:
        return _log(args)
    if args.settings is not None:
        raise ValueError("--settings: expected --log FILE beside it, got none")
    if args.plot is not None:
        raise ValueError("--plot: expected --log FILE beside it, got none")
    if not args.file:
        raise ValueError("FILE: expected a dump, or --log FILE, got neither")
    columns = dict(_column(text) for text in args.column)
    named = [("FILE", name) for name in args.file]
    named += [("--against", args.against)] if args.against else []
    for argument, name in named:  # before any heavy import
        if not Path(name).exists():
            raise FileNotFoundError(
                f"{argument}: expected a dump, got {name!r}, which is not there"
            )
    from trcheck import diagnose
    from trlib.model.folders import writable, write

    limits = diagnose.Limits(**{name: getattr(args, name) for name, *_ in OPTIONS})
    out = _page(Path(args.file[0])) if args.html is None else Path(args.html).expanduser()
    _ours(out, diagnose.GENERATOR)
    writable(out.parent, "--html")
    against = None if args.against is None else diagnose.measured(args.against)
    rollouts = diagnose.read(
        *args.file,
        columns=columns,
        tokenizer=args.tokenizer,
        logprobs=args.logprobs,
        temperature=args.temperature,
        top_p=args.top_p,
    )
    findings = diagnose.diagnose(rollouts, limits, against)
    write(out, diagnose.page(findings))
    if args.json:
        shared.print_json({**findings.as_dict(), "page": str(out)})
    else:
        print(diagnose.text(findings))
        print(f"\nreport: {out}")
    return STATUS[findings.judgement.verdict]


def _page(first: Path) -> Path:
    """The page beside the file, or beside the folder."""
    source = first if first.name else first.absolute()
    return (
        source.with_name(f"{source.name}.html") if source.is_dir() else source.with_suffix(".html")
    )


def _ours(out: Path, generator: str) -> None:
    """Refuses to overwrite a file that is not a page of this command."""
    if out.is_dir():
        raise ValueError(f"--html: expected the name of a page, got the folder {str(out)!r}")
    if out.exists():
        with out.open("rb") as file:
            begin = file.read(1000)
        if f'content="{generator}'.encode() not in begin:
            raise ValueError(
                f"--html: {str(out)!r} is there already and is not a page of trlib diagnose; "
                "expected a name that is free, or a page to replace"
            )


def _column(text: str) -> tuple[str, str]:
    name, equals, theirs = text.partition("=")
    if not equals:
        raise ValueError(f"--column: expected NAME=COLUMN, got {text!r}")
    return name, theirs
