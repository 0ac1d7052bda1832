"""`trlib evaluate`: every keyword argument of `trlib.evaluate` as an option."""

import argparse
import json
from pathlib import Path
from typing import Any

from trlib.cli import options as shared
from trlib.cli.options import Option
from trlib.cli.recipes import recipe_of

TEXT = "measure accuracy, pass@k and the number of different right answers"
EXAMPLES = """\
examples:
  trlib evaluate                          the embedded model on dial
  trlib evaluate --policy runs/stale      a run's model on the run's own task
  trlib evaluate --knob moves=8 --samples 64 --json
"""
# A test compares this table with the signature of `evaluate`: asking it here would import torch
# before --help.
OPTIONS: tuple[Option, ...] = (
    ("prompts", int, 256, "number of prompts, drawn from seeds that training never uses"),
    ("samples", int, 8, "sampled completions per prompt"),
    ("temperature", float, 1.0, "temperature of the samples"),
    ("ks", tuple[int, ...] | None, None, "the k of pass@k (default: 1,2,4,... up to --samples)"),
    ("seed", int, 0, "seed of the prompts, the samples and the intervals"),
    ("max_tokens", int | None, None, "token limit of a completion; by default the task's"),
    ("batch", int, 2048, "completions that are computed at a time"),
)
MEMORY = ("batch", "prompts", "max_tokens")  #: Options that take less memory if they are smaller.


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib evaluate`."""
    named = (
        "an embedded model, a folder (also a run's) or a hub id (default: the model named "
        "like the task)"
    )
    parser.add_argument("--policy", metavar="NAME", help=named)
    shared.add_task(parser, None, "the run's, or dial")
    shared.add(parser, OPTIONS)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    source, recorded = _source(args.policy)
    if args.task is not None or not recorded:
        recipe = recipe_of(args, training=False)
        task, chat = shared.task(args.task or "dial", args.knob, recipe.knobs), recipe.chat
    else:
        task, chat = shared.task(recorded.pop("name"), args.knob, recorded), args.chat
    policy = shared.policy(args, source or task.name, chat=chat)
    from trlib.evaluation import evaluate
    from trlib.model.loading import embedded

    evaluation = evaluate(policy, task, **{name: getattr(args, name) for name, *_ in OPTIONS})
    if args.json:
        shared.print_json(evaluation.as_dict())
    else:
        print(evaluation)
        if (source or task.name) in embedded():
            print(
                "this is the shipped model, untrained; --policy runs/a evaluates what `trlib "
                "train --out runs/a` kept"
            )
    return 0


def _source(name: str | None) -> tuple[str | None, dict[str, Any]]:
    """Where the model is, and, if the name is a run's folder, the task that the model was trained
    on."""
    if name is None or not (Path(name) / "run.json").is_file():
        return name, {}
    record = Path(name) / "run.json"
    try:
        found = json.loads(record.read_text())
        task = {**found["task"], "name": found.get("task_file") or found["task"]["name"]}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"--policy: expected the record of a run in {str(record)!r}, got a damaged file "
            f"({error!r}); name its model directly: --policy {Path(name) / 'policy'}"
        ) from error
    return name, task
