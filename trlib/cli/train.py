"""`trlib train`: every keyword argument of `trlib.train` as an option."""

from __future__ import annotations

import argparse
import json
import signal
from typing import TYPE_CHECKING, Any

from trlib.cli import options as shared
from trlib.cli.options import Option, number, pair, whole, words
from trlib.cli.recipes import recipe_of
from trlib.cli.settings import assignments
from trlib.fields import dataclass_of

if TYPE_CHECKING:
    from trlib.algorithms import Method
    from trlib.loop.run import Run

TEXT = "train a policy on a task by a method"
EXAMPLES = """\
examples:
  trlib train --task dial --method grpo
  trlib train --method ppo --set eps_high=.28 --minibatches 8 --epochs 4 --steps 25 --out runs/stale
  trlib train --method pg_is --knob moves=1,8 --json > run.json
  trlib train --method mine.py:Bounded --set most=1.5
  trlib train --task sums --policy smollm2            by the recipe of the two, which is printed

Ctrl-C, or SIGTERM, ends the run after the batch in hand; with --out it is saved, and --resume goes on with it bit for
bit.
"""
# A test compares this table with the signature of `train`: asking it here would import torch before --help.
OPTIONS: tuple[Option, ...] = (
    ("steps", whole, 60, "batches"),
    ("seed", whole, 0, "decides everything"),
    ("prompts", whole, 16, "prompts a batch"),
    ("group", whole, 16, "completions a prompt"),
    ("temperature", number, 1.0, "of sampling and of every log-prob"),
    ("max_tokens", whole, None, "token limit of a completion (default: the task's)"),
    ("minibatches", whole, 1, "a batch is split into this many, by whole prompts"),
    ("epochs", whole, 1, "and gone through this often; updates a batch = minibatches x epochs"),
    ("optimizer", str, "adamw", "what steps: adamw, sgd, muon, frobenius, sign, auon, hybrid_auon, or FILE.py:NAME"),
    ("lr", number, 1e-4, "the learning rate"),
    ("betas", pair, (0.9, 0.95), "the optimizer's, as far as it takes them"),
    ("weight_decay", number, 0.0, "the same"),
    ("warmup", whole, 10, "updates over which the learning rate rises"),
    ("grad_norm", number, 1.0, "the gradient is scaled down to this norm"),
    ("anchor", str, None, "what the trust region is drawn around: rollout or recomputed (default: the method's)"),
    ("lag", whole, 0, "the sampler is this many batches behind"),
    (
        "sampler",
        str,
        "fp32",
        "what the sampler computes in: fp32, bf16, or float with weights rounded to int8, int4 (simulated)",
    ),
    ("logit_noise", number, 0.0, "standard deviation of noise on the sampler's logits"),
    ("probe", whole, 32, "completions on which the exact metrics are computed"),
    ("checkpoint_every", whole, 10, "batches between two checkpoints"),
    ("without", words, (), "what not to save on, to see that it changes nothing: sharing, dropping, skipping"),
    ("at_once", whole, None, "completions scored at a time, to save memory (default: all of a minibatch)"),
)
COLUMNS = ["reward", "length", "entropy", "kept", "kl", "tv_max", "ratio_max"]
"""What of the history is shown."""


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib train`."""
    parser.add_argument(
        "--method", default="grpo", metavar="NAME", help="see `trlib methods`, or FILE.py:CLASS (default: grpo)"
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a setting of the method; repeat (see `trlib methods NAME`)",
    )
    shared.add_task(parser, "dial", "dial")
    parser.add_argument(
        "--policy", metavar="NAME", help="an embedded model, a folder or a hub id (default: the task's name)"
    )
    parser.add_argument(
        "--lora",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="train adapters: a setting of peft's LoraConfig, such as r=8; repeat",
    )
    shared.add(parser, OPTIONS, said=True)
    parser.add_argument(
        "--out", type=shared.path, metavar="FOLDER", help="keep checkpoint, history and trained model here"
    )
    parser.add_argument("--resume", action="store_true", help="go on with the run in --out, or begin it")
    parser.add_argument("--quiet", action="store_true", help="no progress bar")


def run(args: argparse.Namespace) -> int:
    """Train; 130 where Ctrl-C ended the run, 143 where SIGTERM did."""
    if args.resume and args.out is None:
        raise ValueError("--resume: expected --out FOLDER beside it, the run to go on with")
    method = _method(args.method, args.set)
    recipe = recipe_of(args, training=True)
    regime = {name: getattr(args, name, recipe.regime.get(name, default)) for name, _, default, _ in OPTIONS}
    vars(args).update(regime)  # a sentence about too little memory names the options that are there
    task = shared.task(args.task, args.knob, recipe.knobs)
    policy = shared.policy(args, args.policy or args.task, {**recipe.lora, **dict(map(_lora, args.lora))} or None)
    from trlib.loop.training import train

    done = train(policy, task, method, **regime, out=args.out, resume=args.resume, progress=not args.quiet)
    if args.json:
        history = {name: column.tolist() for name, column in done.history.items()}
        shared.print_json(
            {"settings": done.settings, "interrupted": done.interrupted, "out": args.out, "history": history}
        )
    else:
        _show(done, args.out)
    return 128 + (done.signal or signal.SIGINT) if done.interrupted else 0


def _show(done: Run, out: str | None) -> None:
    history = done.history
    if len(history):
        every = history.iloc[sorted({*range(0, len(history), max(1, len(history) // 6)), len(history) - 1})]
        print(every.filter(items=COLUMNS).to_string(float_format="{:.3g}".format))
    print(done)
    if out is not None:
        print(f"saved in {out}; next: trlib evaluate --policy {out}")


def _method(name: str, texts: list[str]) -> Method:
    from trlib.relatives import method_kind

    kind: Any = method_kind(name)
    return kind(**assignments(dataclass_of(kind), texts, what=f"method {name!r}"))


def _lora(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"--lora: expected NAME=VALUE, got {text!r}")
    if name == "target_modules" and value.isidentifier():  # one module's name; peft takes a text for a pattern
        return name, [value]
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value.split(",") if "," in value else value
