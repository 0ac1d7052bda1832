"""What a task suggests for a policy where the command line says nothing: taken, and printed."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trlib.tasks import Recipe


def recipe_of(args: argparse.Namespace, *, training: bool) -> Recipe:
    """The recipe of the task for the policy, `--chat` set by it, or an empty one; what it decides is printed.

    An option that is said holds instead of the recipe's.

    Args:
        args: of a command with `options.add_task`.
        training: the command takes adapters and a regime too.
    """
    from trlib.tasks import TASKS, Recipe

    found = getattr(TASKS.get(args.task), "recipes", {}).get(args.policy)
    if found is None or args.no_recipe:
        return Recipe()
    taken = " ".join(_taken(found, args, training))
    if args.chat is None:
        args.chat = found.chat
    if taken:
        print(
            f"trlib: the recipe of {args.task} for {args.policy} (--no-recipe takes none of it): {taken}",
            file=sys.stderr,
        )
    return found


def _taken(recipe: Recipe, args: argparse.Namespace, training: bool) -> Iterator[str]:
    """The options that would say the same."""
    for option, settings in (("knob", recipe.knobs), ("lora", recipe.lora if training else {})):
        said = {text.partition("=")[0].strip() for text in getattr(args, option, ())}
        for name, value in settings.items():
            if name not in said:
                yield f"--{option} {shlex.quote(f'{name}={_text(value)}')}"
    if recipe.chat is not None and args.chat is None:
        yield "--chat" if recipe.chat else "--no-chat"
    for name, value in (recipe.regime if training else {}).items():
        if not hasattr(args, name):
            yield f"--{name.replace('_', '-')} {_text(value)}"


def _text(value: Any) -> str:
    """A setting as the command line takes it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
