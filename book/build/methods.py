"""The one list of methods, written from the dataclasses and the cards (`python -m book.build.write
methods`).

`trlab/methods.json` has every method's title, class and defaults; figures, explorables and the engine
of the playground read it. `book/trbook/gallery.json` has the rows of the maps of the gallery, for
notebooks.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from book.build.cards import CARDS, GALLERY
from book.build.paths import ROOT
from trlib import fields
from trlib.algorithms import Method
from trlib.methods import OBJECTIVES
from trlib.relatives import RELATIVES

NAME = "methods"


def methods() -> str:
    """A line for each method: what it is called, its class or function as one imports it, and of an
    objective the defaults that are not those of every method."""
    shared = {one.name: one.default for one in fields.settings(Method)}
    lines = [f' "shared": {_json(shared)}']
    for name, card in CARDS.items():
        entry = OBJECTIVES.get(name) or RELATIVES[name]
        kind: Any = fields.dataclass_of(entry) if hasattr(entry, "func") else entry
        told: dict[str, Any] = {"title": card.title, "class": imported(kind)}
        if name in OBJECTIVES:
            own = {one.name: _plain(one.default) for one in fields.settings(entry)}
            told["settings"] = {
                key: value
                for key, value in own.items()
                if key not in shared or value != shared[key]
            }
        lines.append(f' "{name}": {_json(told)}')
    return "{\n" + ",\n".join(lines) + "\n}\n"


def imported(kind: Any) -> str:
    """The shortest dotted name under which it can be imported."""
    parts, name = kind.__module__.split("."), kind.__name__
    for end in range(2, len(parts) + 1):
        module = ".".join(parts[:end])
        if getattr(import_module(module), name, None) is kind:
            return f"{module}.{name}"
    raise ValueError(f"{kind.__module__}: expected a module that has {name}")


def gallery() -> str:
    """For each branch its methods: title, what is kept close, to what, by which means, and whether
    the formula is ours."""
    rows = {
        branch: {
            name: [card.title, card.what, card.to, card.how, card.is_reading]
            for name, card in CARDS.items()
            if card.family == branch
        }
        for branch in GALLERY
    }
    told = [
        f'"{branch}": {{\n'
        + ",\n".join(f' "{name}": {_json(row)}' for name, row in of.items())
        + "\n}"
        for branch, of in rows.items()
    ]
    return "{\n" + ",\n".join(told) + "\n}\n"


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


FILES: dict[Path, Callable[[], str]] = {
    ROOT / "trlab" / "methods.json": methods,
    ROOT / "book" / "trbook" / "gallery.json": gallery,
}


def stale() -> list[Path]:
    """The files that are not as code and cards say."""
    return [
        path
        for path, make in FILES.items()
        if not path.exists() or path.read_text(encoding="utf-8") != make()
    ]


def write() -> list[Path]:
    """Writes the files; which are new."""
    new = stale()
    for path in new:
        path.write_text(FILES[path](), encoding="utf-8")
    return new
