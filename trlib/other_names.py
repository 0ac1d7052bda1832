"""What other libraries call our settings, and the end of an error for a name that nothing here has.

One map, `other_names.json`, for Python, the command line and methods: `train(num_iterations=3)`,
`trlib train --learning-rate 1e-4` and `GRPO(epsilon=.2)` all name ours. Only names of the same
meaning stand in it; where something differs, the entry says what. Read in TRL 1.16, verl 0.9,
OpenRLHF 0.11.0 (and its names before 0.10.2, which had no dots), slime and Stable-Baselines3."""

import difflib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Set
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Literal, NamedTuple, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
Owner = Literal["run", "method", "argument", "tensor"]


class Name(NamedTuple):
    """Our names for something, whose they are, and what differs."""

    ours: tuple[str, ...]
    owner: Owner = "run"
    but: str = ""


Map = dict[str, dict[str, Name]]


def _read() -> Iterator[Map]:
    """The maps of the data file: our names, separated by spaces, whose they are, what differs."""
    text = Path(__file__).with_suffix(".json").read_text(encoding="utf-8")
    for libraries in json.loads(text).values():
        yield {
            library: {
                theirs: Name(tuple(ours.split()), *more) for theirs, (ours, *more) in rows.items()
            }
            for library, rows in libraries.items()
        }


NAMES, TENSORS, ARGUMENTS = _read()
"""Library -> its name -> ours: of settings, of what a loss is given, and of an argument that only some
functions have."""
NO_RUN = frozenset({"aggregation", "mask"})
"""A setting that every method has, an argument that every loss has, and a run has neither."""


def near(unknown: object, known: Iterable[str]) -> str:
    """The nearest of the names that are known, as the end of an error; empty if none is near.
    The first word of a longer name counts as well: `dail` is near `dial_methods`. The same letters
    in another order are nearest. The dashes of an option do not count."""
    names, text = sorted(known), str(unknown).lower().lstrip("-")
    whole = {name: name.lower().lstrip("-") for name in names}
    first = {name: re.split("[_-]", word)[0] for name, word in whole.items()}
    words = [*whole.values(), *first.values()]
    same_letters = [word for word in words if sorted(word) == sorted(text)]
    cutoff = 0.6 if str(unknown).startswith("--") else 0.5
    closest = same_letters or difflib.get_close_matches(text, words, n=1, cutoff=cutoff)
    alike = [name for name in names if closest and closest[0] in (first[name], whole[name])]
    if not alike:
        return ""
    nearest = max(
        alike, key=lambda name: (difflib.SequenceMatcher(None, text, whole[name]).ratio(), name)
    )
    return f"; did you mean {nearest!r}?"


def error_suffix(unknown: object, known: Iterable[str]) -> str:
    """The end of an error for the setting `unknown`: what it is called here, or else the
    nearest known name.

    Options of the command line (`--max-tokens`) work as names do."""
    text, names = str(unknown), list(known)
    option, there = text.startswith("--"), {_plain(name) for name in names}
    library, entry = _elsewhere(text, there)
    if entry is None:
        return near(text, names)
    ours = " and ".join(repr(_option(name) if option else name) for name in entry.ours)
    called = f"; {text!r} of {library} is {ours} here" if library else f"; {text!r} is"
    but = f" ({entry.but})" if entry.but else ""
    if library and there.issuperset(entry.ours):
        return called + but
    if entry.owner == "method" and there & NO_RUN:  # a method or a loss without such a setting
        return near(text, names)
    return f"{called}{',' if library else ''} {_home(entry)}{but}"


def names_its_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """A decorator: the error for a keyword that the function does not have says what it is called
    here."""
    known = frozenset(signature(function).parameters)

    @wraps(function)
    def call(*args: P.args, **keywords: P.kwargs) -> R:
        for name in keywords:
            if name not in known:
                raise TypeError(
                    f"{function.__name__}: no argument is called {name!r}{error_suffix(name, known)}"
                )
        return function(*args, **keywords)

    return call


def _plain(name: str) -> str:
    return name.lstrip("-").replace("-", "_")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _elsewhere(unknown: str, known: Set[str]) -> tuple[str, Name | None]:
    """The library that has this name, with ours for it; no library if it is a name of ours; None if
    it is neither."""
    for library, names in ARGUMENTS.items():
        if unknown in names and known >= {*names[unknown].ours}:
            return library, names[unknown]
    everything = (*NAMES.items(), *TENSORS.items())
    parts = _plain(unknown).split(".")  # actor_rollout_ref.actor.ppo_epochs, rollout.n
    for name in ("_".join(parts[-2:]), parts[-1]):
        for library, names in everything:
            if name in names:
                return library, names[name]
    own = {
        ours: entry.owner
        for _, names in everything
        for entry in names.values()
        for ours in entry.ours
    }
    return "", Name((parts[-1],), own[parts[-1]]) if parts[-1] in own else None


def _home(entry: Name) -> str:
    """Where a setting of ours is set."""
    first, several = entry.ours[0], len(entry.ours) > 1
    values = ", ".join(f"{name}=..." for name in entry.ours)
    if entry.owner == "run":
        return f"a setting of the run: trlib.train(..., {values}), {_option(first)}"
    if entry.owner == "method":
        what = "settings" if several else "a setting"
        owner = "DPPO" if first == "delta_tv" else "GRPO"
        return f"{what} of the method: trlib.algorithms.{owner}({values}), --set {first}=..."
    if entry.owner == "tensor":
        return f"a tensor of the pure functions: {values}"
    return f"an argument of trlib.train, {_option(first)}"
