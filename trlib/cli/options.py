"""What several commands share: typed options, loading by name, JSON."""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trlib.cli.settings import assignments

if TYPE_CHECKING:
    from trlib.model.policy import Policy
    from trlib.tasks import Task

Option = tuple[str, Callable[[str], Any], Any, str]
"""A keyword argument as an option: name, type, default, help."""


def whole(text: str) -> int:
    """A whole number."""
    return _read(int, text, "a whole number")


def number(text: str) -> float:
    """A number."""
    return _read(float, text, "a number")


def pair(text: str) -> tuple[float, float]:
    """Two numbers with a comma between."""
    values = text.split(",")
    if len(values) != 2:
        raise argparse.ArgumentTypeError(f"expected two numbers with a comma between, got {text!r}")
    return number(values[0]), number(values[1])


def wholes(text: str) -> list[int]:
    """Whole numbers with commas between."""
    return [whole(part) for part in text.split(",")]


def words(text: str) -> tuple[str, ...]:
    """Words with commas between."""
    return tuple(text.split(","))


def path(text: str) -> str:
    """The name of a file or a folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a file or a folder, got ''")
    return text


METAVARS: dict[Any, str] = {words: "NAME,...", whole: "N", number: "X", pair: "X,X", wholes: "N,N,...", str: "NAME"}


def add(parser: argparse.ArgumentParser, options: Sequence[Option], *, said: bool = False) -> None:
    """Options from keyword arguments: `max_tokens` becomes --max-tokens.

    Args:
        said: the namespace holds only what the command line says, no defaults.
    """
    for name, kind, default, text in options:
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        more = "" if default in (None, ()) else f" (default: {shown})"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            type=kind,
            help=text + more,
            default=argparse.SUPPRESS if said else default,
            metavar=METAVARS[kind],
        )


def add_task(parser: argparse.ArgumentParser, default: str | None, said: str) -> None:
    """--task, --knob, where the model runs and whether prompts are chat."""
    parser.add_argument(
        "--task", default=default, metavar="NAME", help=f"see `trlib tasks`, or FILE.py:CLASS (default: {said})"
    )
    parser.add_argument(
        "--knob",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="a knob of the task; repeat (see `trlib tasks NAME`)",
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda, mps (default: auto)")
    parser.add_argument("--dtype", default="auto", help="float32, bfloat16, float16, float64 (default: auto)")
    parser.add_argument(
        "--chat",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="put prompts into the tokenizer's chat template, or do not (default: as the model was "
        "saved, else where there is one)",
    )
    parser.add_argument(
        "--no-recipe",
        action="store_true",
        help="take nothing from the recipe that some tasks have for some policies (sums for smollm2)",
    )


def task(name: str, knobs: Sequence[str], recorded: Mapping[str, Any] | None = None) -> Task:
    """The task of a name, its knobs from `recorded` and then from texts like `moves=1,8`."""
    from trlib.tasks import load_task

    return load_task(name, **{**(recorded or {}), **typed_knobs(name, knobs)})


def typed_knobs(name: str, knobs: Sequence[str]) -> dict[str, Any]:
    """Keyword arguments for `load_task` from texts like `moves=1,8`."""
    from trlib.tasks import task_kind

    return assignments(task_kind(name), knobs, what=f"task {name!r}")


def policy(args: argparse.Namespace, name: str, lora: Mapping[str, Any] | None = None) -> Policy:
    """The policy of a name, where the options say; without --policy it is the task's, where there is one."""
    from trlib.model.policy import embedded, load_policy

    if args.policy is None and name not in embedded():
        raise ValueError(
            f"--policy: expected an embedded model, a folder, a GGUF file or a hub id, because task "
            f"{name!r} has no model of its own, got none"
        )
    return load_policy(name, device=args.device, dtype=args.dtype, lora=lora, chat=args.chat)


def plain(value: Any) -> Any:
    """A value as JSON can hold it; NaN and inf, which it cannot, become null."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | bool | None) else str(value)


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(plain(value), indent=2, allow_nan=False))


def _read(kind: Callable[[str], Any], text: str, wanted: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected {wanted}, got {text!r}") from None
