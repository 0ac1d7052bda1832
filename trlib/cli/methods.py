"""`trlib methods`: what there is, and what can be set."""

import argparse
import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import is_dataclass
from typing import Any

from trlib.cli import options as shared
from trlib.fields import dataclass_of, settings

TEXT = "list the methods, or one with its settings"
EXAMPLES = """\
examples:
  trlib methods
  trlib methods ppo
  trlib methods mine.py:Bounded
"""


def options(parser: argparse.ArgumentParser) -> None:
    """The options of `trlib methods`."""
    parser.add_argument(
        "name", nargs="?", help="show the settings of this one, or of FILE.py:CLASS"
    )


def run(args: argparse.Namespace) -> int:
    """Print one line for each method, or one method in full."""
    from trlib.methods import OBJECTIVES, method_kind

    return show("method", OBJECTIVES, args, method_kind)


def show(
    what: str, entries: Mapping[str, Any], args: argparse.Namespace, find: Callable[[str], Any]
) -> int:
    """Print one line for each entry, or one entry with its settings; `find` finds it by its name or
    in a file."""
    if args.name is not None:
        entries = {args.name: find(args.name)}
    if args.json:
        shared.print_json({name: _as_json(entry) for name, entry in entries.items()})
        return 0
    if args.name is None:
        width = max(map(len, entries))
        for name, entry in entries.items():
            text = _text(entry).partition(" Source: ")[0]
            print(shared.wrapped(text, first=f"{name:<{width}}  ", indent=width + 2))
        print(f"\nsettings of one: trlib {what}s NAME")
        return 0
    print(args.name)
    print(shared.wrapped(_text(entries[args.name]), first="  ", indent=2))
    for s in settings(entries[args.name]):
        print(f"\n  {s.name}={s.default}   ({s.kind})")
        for paragraph in s.text.split("\n\n"):
            print(shared.wrapped(paragraph, first=" " * 6, indent=6))
    return 0


def _text(entry: Any) -> str:
    """What an entry is, in one paragraph; a preset is its class with other settings."""
    kind = dataclass_of(entry)
    if kind is entry:
        return shared.first_paragraph(inspect.getdoc(kind) or "")
    return f"{kind.__name__} with {', '.join(_changed(entry.keywords))}."


def _changed(values: Mapping[str, Any], before: str = "") -> Iterator[str]:
    """Settings as --set takes them."""
    for name, value in values.items():
        if is_dataclass(value):
            yield from _changed(vars(value), f"{before}{name}.")
        elif value is not None:
            yield f"{before}{name}={value}"


def _as_json(entry: Any) -> dict[str, Any]:
    options = {
        s.name: {"type": s.kind, "default": s.default, "text": s.text} for s in settings(entry)
    }
    return {"text": _text(entry), "settings": options}
