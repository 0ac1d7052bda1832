"""What a task recommends for a policy: used where the command line is silent, and printed."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trlib.tasks import Recipe


def recipe_of(args: argparse.Namespace, *, training: bool) -> Recipe:
    """What the task recommends for the policy, or an empty recipe; what is used of it is printed.

    An option on the command line wins over the recipe.

    Args:
        args: of a command with `options.add_task`.
        training: the command takes adapters and a run's settings too."""
    from trlib.tasks import TASKS, Recipe

    recipe = getattr(TASKS.get(args.task), "recipes", {}).get(args.policy)
    if recipe is None or args.no_recipe:
        return Recipe(chat=args.chat)
    taken = " ".join(_taken(recipe, args, training))
    if taken:
        recipe_for = f"the recipe of {args.task} for {args.policy} (--no-recipe ignores it)"
        print(f"trlib: {recipe_for}: {taken}", file=sys.stderr)
    return recipe if args.chat is None else replace(recipe, chat=args.chat)


def _taken(recipe: Recipe, args: argparse.Namespace, training: bool) -> Iterator[str]:
    """The options that would say the same."""
    for option, settings in (("knob", recipe.knobs), ("lora", recipe.lora if training else {})):
        on_command_line = {text.partition("=")[0].strip() for text in getattr(args, option, ())}
        for name, value in settings.items():
            if name not in on_command_line:
                yield f"--{option} {shlex.quote(f'{name}={_text(value)}')}"
    if recipe.chat is not None and args.chat is None:
        yield "--chat" if recipe.chat else "--no-chat"
    for name, value in (recipe.settings if training else {}).items():
        if not hasattr(args, name):
            yield f"--{name.replace('_', '-')} {_text(value)}"


def _text(value: Any) -> str:
    """A setting as the command line accepts it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)
