"""The one list of methods, written from the dataclasses and the cards (`python -m book.build.write
methods`).

`trlab/methods.json` has every method's title, class and defaults, for figures.
`book/trbook/explorables/engine/js/known.json` has those that the playground trains: explorables are
built from it, and a new method changes none of them. `tales.json` beside it has the reward model of
the task that it knows by that name. `book/trbook/gallery.json` has the rows of the
maps of the gallery, for notebooks.
"""

from __future__ import annotations

import json
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
from trlib.tasks import Tales

NAME = "methods"
TRAINED = (
    "reinforce pg_is ppo ppo_penalty grpo dr_grpo dapo gspo cispo sapo gmpo pspo dppo centered"
)
TRAINED += " quatro troll bapo minpro cpgd r2vpo trefree"
"""The methods that the engine of the playground knows, `MADE` in its `methods.js`."""


def methods() -> dict[str, Any]:
    """Of each method what it is called, its class or function as one imports it, and of an objective
    the defaults that are not those of every method."""
    shared = {one.name: one.default for one in fields.settings(Method)}
    listed: dict[str, Any] = {"shared": shared}
    for name, card in CARDS.items():
        entry = OBJECTIVES.get(name) or RELATIVES[name]
        kind: Any = fields.dataclass_of(entry) if hasattr(entry, "func") else entry
        listed[name] = {"title": card.title, "class": imported(kind)}
        if name in OBJECTIVES:
            own = {one.name: _plain(one.default) for one in fields.settings(entry)}
            listed[name]["settings"] = {
                key: value
                for key, value in own.items()
                if key not in shared or value != shared[key]
            }
    return listed


def imported(kind: Any) -> str:
    """The shortest dotted name under which it can be imported."""
    parts, name = kind.__module__.split("."), kind.__name__
    for end in range(2, len(parts) + 1):
        module = ".".join(parts[:end])
        if getattr(import_module(module), name, None) is kind:
            return f"{module}.{name}"
    raise ValueError(f"{kind.__module__}: expected a module that has {name}")


def gallery() -> dict[str, Any]:
    """For each branch its methods: title, what is kept close, to what, by which means, and whether
    the formula is ours."""
    return {
        branch: {
            name: [card.title, card.what, card.to, card.how, card.is_reading]
            for name, card in CARDS.items()
            if card.family == branch
        }
        for branch in GALLERY
    }


def of_tales() -> dict[str, Any]:
    """The usual reward model of `tales`."""
    offset, weights = Tales().reward_model
    return {
        "offset": round(offset, 9),
        "weights": {word: round(weight, 9) for word, weight in weights.items() if weight},
    }


def _plain(value: Any) -> Any:
    return asdict(value) if is_dataclass(value) and not isinstance(value, type) else value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"


def made() -> dict[Path, str]:
    """What the files should hold."""
    every = methods()
    trained = {"shared": every["shared"]} | {
        name: every[name] | {"formula": OBJECTIVES[name]().formula} for name in TRAINED.split()
    }
    return {
        ROOT / "trlab" / "methods.json": _json(every),
        ROOT / "book/trbook/explorables/engine/js/known.json": _json(trained),
        ROOT / "book/trbook/explorables/engine/js/tales.json": _json(of_tales()),
        ROOT / "book" / "trbook" / "gallery.json": _json(gallery()),
    }
