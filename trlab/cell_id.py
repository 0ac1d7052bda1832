"""What decides a cell, and so its name; and the defaults that a record was made with."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping
from dataclasses import asdict, fields, is_dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trlib.arguments import as_json
from trlib.errors import unknown
from trlib.fields import settings as settings_of
from trlib.other_names import error_suffix
from trlib.user_files import contents, is_own

if TYPE_CHECKING:
    from trlab.cell import Cell
    from trlib.algorithms import Method

LEFT_OUT = (
    "steps", "seed", "checkpoint_every", "evaluate_every", "reward_timeout", "out", "resume",
    "progress",
)  # fmt: skip
"""Arguments of `trlib.train` that a sweep sets elsewhere or that decide nothing."""
VERSION = "version"
"""A method's version among its defaults in a record; records from before there were versions have
none."""


def make(method: str, settings: Mapping[str, Any]) -> Method:
    """A method by its name, or from a file of one's own.

    Raises:
        ValueError: an unknown name or setting, or a value outside its meaning.
    """
    kind = _kind(method)
    # A preset is a partial of a class.
    known = {f.name for f in fields(getattr(kind, "func", kind)) if f.init}
    for name in settings:
        if name not in known:
            raise unknown(f"a setting of {method!r}", name, known, error_suffix)
    try:
        return kind(**settings)
    except (TypeError, ValueError):
        raise
    except Exception as error:
        raise ValueError(f"method {method!r}: {type(error).__name__}: {error}") from error


@cache
def _kind(method: str) -> Any:
    from trlib.methods import method_kind

    return method_kind(method)


def cell_id(cell: Cell, held: Mapping[str, Mapping[str, Any]] | None = None) -> str:
    """Twelve hexadecimal digits. Only what differs from a default is hashed: a new argument or
    setting whose default changes nothing leaves every name as it was.

    Args:
        held: the defaults that a record was made with; where today's differ, these count.
    """
    from trlib.loop.optimizers import maker
    from trlib.loop.settings import RunSettings
    from trlib.tasks import load_task

    method, task = make(cell.method, cell.settings), load_task(cell.task, **cell.knobs)
    held = held or {}

    def usual(section: str, now: Mapping[str, Any]) -> dict[str, Any]:
        return {**plain(now), **outdated(section, held.get(section, {}))}

    settings = usual(f"method {cell.method}", vars(make(cell.method, {})))
    knobs = usual(f"task {cell.task}", load_task(cell.task).settings)
    _known(cell.policy)
    for name in cell.load:
        if name not in (arguments := _arguments_of_loading()):
            raise unknown("an argument of load_policy", name, arguments)
    given = usual("train", defaults_of("train"))
    train = {**defaults_of("train"), **cell.train}
    # Checks every value before anything runs.
    RunSettings(**{**train, "steps": cell.steps, "seed": cell.seed})
    maker(train["optimizer"])
    decided: dict[str, Any] = {
        "method": _named(cell.method, version_of(cell.method)),
        "settings": {
            f.name: _recorded(getattr(method, f.name))
            for f in fields(method)
            if plain(getattr(method, f.name)) != settings[f.name]
        },
        "train": {
            name: _named(value, vars(maker(value)).get("version")) if name == "optimizer" else value
            for name, value in train.items()
            if plain(value) != given[name]
        },
        "task": [
            _named(cell.task),
            {name: value for name, value in task.settings.items() if plain(value) != knobs[name]},
        ],
        "policy": [*_weights(cell.policy), *([dict(cell.load)] if cell.load else [])],
        "steps": cell.steps,
        "seed": cell.seed,
        "evaluate": [cell.prompts, cell.samples, *([] if cell.common is None else [cell.common])],
        **({"aside": True} if cell.aside else {}),
        **({"every": cell.every} if cell.every > 1 else {}),
    }
    data = {
        name: _digest(Path(value).read_bytes())
        for name, value in sorted(cell.knobs.items())
        if isinstance(value, str | Path) and Path(value).is_file()
    }
    if data:  # a task's problems decide its cells, wherever their file lies
        decided["task"][1].update(data)
    return _digest(json.dumps(plain(decided), sort_keys=True).encode())


def _named(name: str, version: int | str | None = None) -> Any:
    """What decides a method, task or optimiser: its name, and for one's own its version, or else
    the contents of its files."""
    if not is_own(name):
        return name if version in (None, 1) else [name, version]
    if version is not None:
        return [Path(name).name, version]
    file, *near = contents(name).items()
    beside = {other: _digest(data) for other, data in near}
    return [Path(name).name, _digest(file[1]), *([beside] if beside else [])]


def version_of(method: str) -> int | str | None:
    """What recorded runs know a method by; None: it is one's own, and its class says none.

    The version decides a cell in place of the method's text, which may be reformatted. A method of
    the package is version 1 unless it says otherwise, and a 1 is not hashed, so ids from before
    there were versions stay what they were. In one's own the version stands where the digest of the
    file stood: a method that was recorded without one keeps its cells if it takes that digest as
    its version.
    """
    kind = getattr(_kind(method), "func", _kind(method))
    version: int | str | None = vars(kind).get("version") if is_own(method) else kind.version
    return version


def defaults(
    found: list[Cell], held: Mapping[str, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """The defaults that a record is made with, as JSON holds them: of the loop, the evaluation, tasks
    and methods. Those of an earlier record that goes on, `held`, stay what they were."""
    from trlib.tasks import load_task

    sections: dict[str, Any] = {
        "train": defaults_of("train"),
        "evaluate": defaults_of("evaluate"),
    }
    for cell in found:
        version = version_of(cell.method)
        if not is_own(cell.method):
            sections.setdefault(
                f"method {cell.method}", {**asdict(make(cell.method, {})), VERSION: version}
            )
        elif version is not None:
            sections.setdefault(f"method {Path(cell.method).name}", {VERSION: version})
        if not is_own(cell.task):
            sections.setdefault(f"task {cell.task}", load_task(cell.task).settings)
    was = {name: outdated(name, (held or {}).get(name, {})) for name in sections}
    return plain({name: {**section, **was[name]} for name, section in sections.items()})


@cache
def today(section: str) -> dict[str, Any]:
    """Today's defaults of a section of `defaults`, as JSON holds them; empty: of one's own method or
    task, or of what there is no longer."""
    from trlib.tasks import TASKS, load_task

    kind, _, name = section.partition(" ")
    try:
        if kind == "method":
            return plain(vars(make(name, {}))) if name and not is_own(name) else {}
        if kind == "task":
            return plain(load_task(name).settings) if name in TASKS else {}
    except ValueError:  # no such method any more
        return {}
    return plain(defaults_of(kind)) if kind in ("train", "evaluate") else {}


def outdated(section: str, held: Mapping[str, Any]) -> dict[str, Any]:
    """The defaults that were others when a record was made: what they were. A method's version is
    none of them: runs of another version are refused."""
    now = today(section)
    return {
        name: tuple(was) if isinstance(was, list) else was
        for name, was in held.items()
        if name != VERSION and name in now and now[name] != was
    }


@cache
def defaults_of(function: str) -> dict[str, Any]:
    from trlib.evaluation import evaluate
    from trlib.loop.settings import RunSettings

    # Not the signature: Sphinx puts words in the place of its defaults, in the process that builds
    # the book.
    train = {s.name: s.default for s in settings_of(RunSettings)}
    given = {"train": train, "evaluate": evaluate.__kwdefaults__ or {}}[function]
    return {name: default for name, default in given.items() if name not in LEFT_OUT}


def knobs_of(task: str) -> list[str]:
    from trlib.tasks import TASKS, task_kind

    return (
        list(inspect.signature(task_kind(task)).parameters) if task in TASKS or is_own(task) else []
    )


def _arguments_of_loading() -> list[str]:
    from trlib.model.policy import load_policy

    return [name for name in inspect.signature(load_policy).parameters if name != "name"]


def _known(policy: str) -> None:
    """Refuse a name that is not a model here and cannot be one of the hub's."""
    from trlib.model.gguf import PACKAGED
    from trlib.model.loading import embedded

    names = [*embedded(), *PACKAGED]
    if policy not in names and "/" not in policy and not Path(policy).exists():
        raise unknown("policy", policy, names)


@cache
def _weights(policy: str) -> list[str]:
    """A policy's name, with a hash of its weights where they are files here."""
    from trlib.model.loading import EMBEDDED

    embedded = EMBEDDED / policy
    folder = embedded if embedded.is_dir() else Path(policy)
    files = [folder] if folder.is_file() else sorted(folder.glob("*.safetensors"))
    name = policy if embedded.is_dir() or not files else Path(policy).name
    return [name, *(_digest(file.read_bytes()) for file in files)]


def _recorded(value: Any) -> Any:
    """A setting. A dataclass (a correction) is given without the bounds that it leaves off, which
    were added later."""
    if not is_dataclass(value) or isinstance(value, type):
        return value
    return {k: v for k, v in asdict(value).items() if v is not None}


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=6).hexdigest()


plain = partial(as_json, otherwise=str)
"""A value as JSON holds it, the same however it was written; what JSON does not know, by its
text."""
