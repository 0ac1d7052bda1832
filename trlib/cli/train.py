"""`trlib train`: every setting of a run as an option."""

import argparse
import json
import shlex
import signal
from typing import Any

from trlib.cli import options as shared
from trlib.cli.options import Option
from trlib.cli.recipes import recipe_of
from trlib.cli.settings import assignments
from trlib.fields import dataclass_of, settings
from trlib.loop.settings import RunSettings
from trlib.user_files import is_own

TEXT = "train a policy on a task with a method"
EXAMPLES = """\
examples:
  trlib train --task dial --method grpo
  trlib train --method ppo --set eps_high=.28 --minibatches 8 --epochs 4 --steps 25 --out runs/stale
  trlib train --method pg_is --knob moves=1,8 --json > run.json
  trlib train --method mine.py:Bounded --set most=1.5
  trlib train --data prompts.jsonl --reward mine.py:reward --policy path/to/model
  trlib train --task sums --policy smollm2            by their recipe, which is printed

Ctrl-C or SIGTERM ends the run after the current batch. With --out it is saved, and --resume continues it, bit for
bit.
"""
MEMORY = ("prompts", "group", "max_tokens")  #: Options that take less memory if they are smaller.
STEPS = 60  #: Batches of a run, where neither the command line nor a recipe says how many.


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib train`: the method and its settings, task, policy, then every field of
    `RunSettings`."""
    parser.add_argument(
        "--method",
        default="grpo",
        type=shared.name,
        metavar="NAME",
        help="a name of `trlib methods`, or FILE.py:CLASS (default: grpo)",
    )
    shared.add_assignments(
        parser, "--set", "a setting of the method (`trlib methods NAME` lists them)"
    )
    shared.add_task(parser, "dial", "dial")
    named = (
        "an embedded model, a folder or a hub id (default: the embedded model named like the task)"
    )
    parser.add_argument("--policy", type=shared.name, metavar="NAME", help=named)
    shared.add_assignments(
        parser, "--lora", "train adapters: a setting of peft's LoraConfig, such as r=8"
    )
    shared.add(parser, _settings(), defaults=False)
    parser.add_argument(
        "--micro-batch-size",
        dest="at_once",
        type=shared.whole,
        default=argparse.SUPPRESS,
        metavar="N",
        help="another name of --at-once",
    )
    help_of = {s.name: shared.as_help(s.text) for s in settings(RunSettings)}
    parser.add_argument("--out", type=shared.path, metavar="FOLDER", help=help_of["out"])
    parser.add_argument(
        "--resume", action="store_true", help=help_of["resume"].replace("`out`", "--out")
    )
    parser.add_argument("--quiet", action="store_true", help="show no progress bar")


def _settings() -> list[Option]:
    """The fields of `RunSettings` that become options with a value."""
    fields = shared.options_of(RunSettings, without=("out", "resume", "progress"))
    return [
        (name, kind, STEPS if name == "steps" else default, text)
        for name, kind, default, text in fields
    ]


def run(args: argparse.Namespace) -> int:
    """Train; 130 where Ctrl-C ended the run, 143 where SIGTERM did."""
    if args.resume and args.out is None:
        raise ValueError("--resume: expected --out FOLDER as well, the run to continue")
    recipe = recipe_of(args, training=True)
    chosen = {
        name: getattr(args, name, recipe.settings.get(name, default))
        for name, _, default, _ in _settings()
    }
    task = shared.data_task(args) or shared.task(args.task, args.knob, recipe.knobs)
    RunSettings(**chosen)  # what is wrong here is said before anything imports torch
    from trlib.methods import method_kind

    kind: Any = method_kind(args.method)
    method = kind(**assignments(dataclass_of(kind), args.set, what=f"method {args.method!r}"))
    named = args.task if args.data is None else task.name
    lora = {**recipe.lora, **dict(map(_lora, args.lora))} or None
    policy = shared.policy(args, args.policy or named, lora=lora, chat=recipe.chat)
    from trlib.loop.train import train

    result = train(
        policy, task, method, **chosen, out=args.out, resume=args.resume, progress=not args.quiet
    )
    if args.json:
        history = {name: column.tolist() for name, column in result.history.items()}
        document = {"settings": result.settings, "interrupted": result.interrupted, "out": args.out}
        shared.print_json({**document, "history": history})
    else:
        if result.rows:
            print(result.excerpt().to_string(float_format="{:.3g}".format))
        print(result)
        if args.out is not None:
            # A task's file is run only if it is named.
            own = f" --task {shlex.quote(args.task)}" if is_own(args.task) else ""
            if args.data is not None:
                own = f" --data FILE.jsonl --reward {shlex.quote(args.reward)}"
            print(f"saved in {args.out}; next: trlib evaluate --policy {args.out}{own}")
        else:
            print(
                "nothing was kept, neither the trained policy nor its history; --out runs/a keeps "
                "both"
            )
    return 128 + (result.signal or signal.SIGINT) if result.interrupted else 0


def _lora(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--lora: expected NAME=VALUE, got {text!r}")
    # One module's name; peft takes a string for a pattern.
    if name == "target_modules" and value.isidentifier():
        return name, [value]
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value.split(",") if "," in value else value
