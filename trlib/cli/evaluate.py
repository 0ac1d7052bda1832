"""`trlib evaluate`: every keyword argument of `trlib.evaluate` as an option."""

import argparse
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trlib.cli import options as shared
from trlib.cli.options import Option
from trlib.cli.recipes import recipe_of
from trlib.user_files import is_own

if TYPE_CHECKING:
    from trlib.tasks import Task

TEXT = "measure accuracy, pass@k and the number of different right completions"
EXAMPLES = """\
examples:
  trlib evaluate                          the embedded model on dial
  trlib evaluate --policy runs/stale      a run's model on the run's own task
  trlib evaluate --policy runs/a --task mine.py:Mine     a task file is run only if it is named here
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
RECORD = "run.json"  #: The file that makes a folder one of a run.
MEMORY = ("batch", "prompts", "max_tokens")  #: Options that take less memory if they are smaller.


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib evaluate`."""
    named = (
        "an embedded model, a folder (also a run's) or a hub id (default: the model named "
        "like the task)"
    )
    parser.add_argument("--policy", type=shared.name, metavar="NAME", help=named)
    shared.add_task(parser, None, "the run's, or dial")
    shared.add(parser, OPTIONS)


def run(args: argparse.Namespace) -> int:
    """Evaluate and print."""
    source, (name, knobs) = args.policy, _recorded(args.policy)
    given = shared.data_task(args)
    if given is None and name == "data" and args.task is None:
        raise ValueError(
            f"--data, --reward: expected both, because {source!r} was trained on prompts and a "
            "reward function, got none"
        )
    if given is None and name is not None and args.task is None and is_own(name):
        file = name.rpartition(":")[0]
        raise ValueError(
            f"--task: {source!r} was trained on a task of its own, {name!r}, and a file that a folder "
            f"names is not run; if you trust {file!r}, name it: --task {shlex.quote(name)}"
        )
    # A task's own file is named again, perhaps from elsewhere; its knobs are the run's.
    again = name is not None and is_own(name) and Path(args.task).name == Path(name).name
    task: Task
    if given is not None:
        task, chat = given, args.chat
    elif name is not None and (args.task is None or again):
        task, chat = shared.task(args.task or name, args.knob, knobs), args.chat
    else:
        recipe = recipe_of(args, training=False)
        task, chat = shared.task(args.task or "dial", args.knob, recipe.knobs), recipe.chat
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


def _recorded(policy: str | None) -> tuple[str | None, dict[str, Any]]:
    """The task that a run's folder says its model was trained on, and its knobs; None: the name is
    not a run's folder."""
    if policy is None or not (Path(policy) / RECORD).is_file():
        return None, {}
    path = Path(policy) / RECORD
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        knobs = dict(record["task"])
        name = record.get("task_file") or knobs["name"]
        if not isinstance(name, str):
            raise TypeError(f"expected a task's name, got {name!r}")
        return name, {knob: value for knob, value in knobs.items() if knob != "name"}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(
            f"--policy: expected the record of a run in {str(path)!r}, got a damaged file "
            f"({type(error).__name__}: {error}); name its model directly: --policy "
            f"{Path(policy) / 'policy'}"
        ) from error
