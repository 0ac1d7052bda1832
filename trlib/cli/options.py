"""What several commands share: typed options, loading by name, JSON."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import textwrap
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, Union, get_args, get_origin, get_type_hints

from trlib.cli.settings import assignments, convert
from trlib.fields import settings

if TYPE_CHECKING:
    from trlib.model.policy import Policy
    from trlib.tasks import Task

Option = tuple[str, Any, Any, str]  #: A keyword argument as an option: name, type, default, help.


OUT_OF_MEMORY = (
    "can't allocate memory",
    "Cannot allocate memory",
    "not enough memory",
    "out of memory",
)
"""How torch says, in errors that have no class of their own, that memory ran out."""


def options_of(kind: type, without: Collection[str] = ()) -> tuple[Option, ...]:
    """The fields of a dataclass as options; the first paragraph below each is its help."""
    types = get_type_hints(kind)
    return tuple(
        (s.name, types[s.name], s.default, s.text) for s in settings(kind) if s.name not in without
    )


def as_help(text: str) -> str:
    """A docstring's first paragraph as argparse writes help: a small letter first (but PPO), no
    full stop."""
    text = first_paragraph(text).rstrip(".")
    first = text[:1] if text[1:2].isupper() else text[:1].lower()
    return f"{first}{text[1:]}".replace("%", "%%")


def first_paragraph(text: str) -> str:
    """The first paragraph of a docstring, in one line."""
    return " ".join(text.split("\n\n")[0].split())


def wrapped(text: str, *, first: str, indent: int) -> str:
    """A paragraph as lines of the terminal's width; `first` opens the first, and the others are
    indented."""
    width = max(60, min(120, shutil.get_terminal_size((100, 24)).columns))
    return textwrap.fill(
        " ".join(text.split()),
        width,
        initial_indent=first,
        subsequent_indent=" " * indent,
        break_on_hyphens=False,
    )


def sentence(error: BaseException) -> str:
    """An error as one sentence that names the file, where there is one."""
    if isinstance(error, OSError) and error.strerror:
        where = f": {os.fspath(error.filename)!r}" if error.filename else ""
        return f"{error.strerror}{where}"
    return str(error) or type(error).__name__


def short_of_memory(error: BaseException) -> bool:
    """Whether memory ran out: Python's, or, according to torch, a device's or the processor's."""
    by_name = isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError"
    return by_name or (
        isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)
    )


def add(
    parser: argparse.ArgumentParser, options: Sequence[Option], *, defaults: bool = True
) -> None:
    """Options from keyword arguments: `max_tokens` becomes --max-tokens.

    With `defaults=False` the namespace holds only what the command line says."""
    for name, kind, default, text in options:
        shown = ",".join(map(str, default)) if isinstance(default, tuple) else default
        more = "" if default in (None, ()) else f" (default: {shown})"
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            dest=name,
            type=partial(_read, kind),
            help=as_help(text) + more,
            default=default if defaults else argparse.SUPPRESS,
            metavar=_metavar(kind),
        )


def _read(kind: Any, text: str) -> Any:
    try:
        return convert(text, kind)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


whole = partial(_read, int)
number = partial(_read, float)


def _metavar(kind: Any) -> str:
    """How the help shows a value of a type: N, X, X,X, or the words to choose from."""
    if get_origin(kind) in (Union, UnionType):
        kind = next(member for member in get_args(kind) if member is not NoneType)
    if get_origin(kind) is Literal:
        return "|".join(map(str, get_args(kind)))
    if get_origin(kind) is tuple and get_args(kind)[1:] != (...,):
        return ",".join(map(_metavar, get_args(kind)))
    if get_origin(kind) in (tuple, Sequence):
        return f"{_metavar(get_args(kind)[0])},..."
    return {int: "N", float: "X", bool: "true|false"}.get(kind, "NAME")


def path(text: str) -> str:
    """The name of a file or a folder."""
    if not text:
        raise argparse.ArgumentTypeError("expected the name of a file or a folder, got ''")
    return text


def name(text: str) -> str:
    """A name: of a policy, a task or a method."""
    if not text:
        raise argparse.ArgumentTypeError(
            "expected a name, got '': is a variable of the shell unset?"
        )
    return text


def add_assignments(parser: argparse.ArgumentParser, flag: str, text: str) -> None:
    """An option NAME=VALUE that may be repeated."""
    parser.add_argument(
        flag, action="append", default=[], metavar="NAME=VALUE", help=f"{text}; may be repeated"
    )


def add_task(parser: argparse.ArgumentParser, default: str | None, shown: str) -> None:
    """--task, --knob, where the model runs and whether prompts are chat; `shown` is the default
    task in the help."""
    named = f"a name of `trlib tasks`, or FILE.py:CLASS (default: {shown})"
    parser.add_argument("--task", default=default, type=name, metavar="NAME", help=named)
    add_assignments(parser, "--knob", "a setting of the task (`trlib tasks NAME` lists them)")
    parser.add_argument(
        "--data",
        type=path,
        metavar="FILE.jsonl",
        help="in place of a task: a file with a prompt on each line, as text or as an object with "
        "`prompt` and further columns; needs --reward",
    )
    parser.add_argument(
        "--reward",
        type=name,
        metavar="FILE.py:NAME",
        help="the reward function for --data, as TRL takes it: NAME(prompts, completions, **columns)",
    )
    parser.add_argument("--device", default="auto", help="cpu, cuda or mps (default: auto)")
    parser.add_argument(
        "--dtype", default="auto", help="float32, bfloat16, float16 or float64 (default: auto)"
    )
    chat = "put prompts into the tokenizer's chat template, or do not"
    unless = "(default: as the model was saved, else if there is a template)"
    parser.add_argument(
        "--chat", action=argparse.BooleanOptionalAction, default=None, help=f"{chat} {unless}"
    )
    recipe = (
        "ignore the recipe: the settings that some tasks recommend for some policies (sums "
        "and aloud for smollm2)"
    )
    parser.add_argument("--no-recipe", action="store_true", help=recipe)


def task(name: str, knobs: Sequence[str], recorded: Mapping[str, Any] | None = None) -> Task:
    """A task by its name, with knobs from `recorded` and then from texts like `moves=1,8`."""
    from trlib.tasks import load_task

    return load_task(name, **{**(recorded or {}), **typed_knobs(name, knobs)})


def data_task(args: argparse.Namespace) -> Task | None:
    """The task of --data and --reward; None: the command line has neither.
    Raises ValueError: one without the other, or beside a task; and what the files are refused
    for."""
    if args.data is None and args.reward is None:
        return None
    if args.data is None or args.reward is None:
        missing, given = ("--reward", "--data") if args.reward is None else ("--data", "--reward")
        raise ValueError(f"{missing}: expected it beside {given}, got none")
    if args.knob:
        raise ValueError(f"--knob: expected none beside --data, got {args.knob[0]!r}")
    from trlib.tasks import DataTask
    from trlib.tasks.lines import numbered
    from trlib.user_files import named

    reward = named("reward", args.reward, {}, callable)
    return DataTask([row for _, row in numbered(args.data)], reward)


def typed_knobs(name: str, knobs: Sequence[str]) -> dict[str, Any]:
    """Keyword arguments for `load_task` from texts like `moves=1,8`."""
    from trlib.tasks import task_kind

    return assignments(task_kind(name), knobs, what=f"task {name!r}")


def policy(
    args: argparse.Namespace,
    name: str,
    *,
    lora: Mapping[str, Any] | None = None,
    chat: bool | None = None,
) -> Policy:
    """The policy with this name, on the device and in the precision that the options say."""
    from trlib.model.loading import embedded
    from trlib.model.policy import load_policy

    if args.policy is None and name not in embedded():
        raise ValueError(
            "--policy: expected an embedded model, a folder, a GGUF file or a hub id, because "
            f"task {name!r} has no model of its own, got none"
        )
    return load_policy(name, device=args.device, dtype=args.dtype, lora=lora, chat=chat)


def print_json(value: Any) -> None:
    """One JSON document on standard output. NaN and inf, which JSON does not have, become null."""
    text = json.dumps(value, default=str)
    print(json.dumps(json.loads(text, parse_constant=lambda _: None), indent=2, allow_nan=False))
