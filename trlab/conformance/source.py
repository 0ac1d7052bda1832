"""The loss file of a library that is not installed, loaded from a folder that holds the library's
source.

A loss file of a trainer imports half of that trainer: ray, vllm, megatron, flash-attn, its own
configuration. None of these take part in the arithmetic of a loss. So only the files named by an
adapter, torch, numpy and the standard library are imported for real; every other import gives a
`Stand` that accepts whatever a module does with it while it is being loaded (decorates, subscripts,
inherits) and computes nothing. A loss that does use one fails, and the conformance line says so.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch

from trlib.errors import TrlibError

OURS = {name.partition(".")[0] for name in (__name__, TrlibError.__module__)}
REAL = frozenset({"torch", "numpy"}) | OURS | sys.stdlib_module_names
"""Packages that an import brings as they are."""
SHORT = 12
"""Letters of a commit that a reader sees."""


@dataclass(frozen=True)
class Source:
    """A library that is held from its source."""

    title: str
    repository: str
    """Its address on GitHub: owner/name."""
    commit: str
    """The commit whose functions were read and recorded."""
    date: str
    """Of that commit."""
    files: Mapping[str, str]
    """Module name: its file below the source folder; the others are stood in for."""

    @property
    def clone(self) -> str:
        """The command that brings the source."""
        return f"git clone https://github.com/{self.repository}"


class Base:
    """What a class inherits that names a stand-in as its base."""

    def __init_subclass__(cls, **_: Any) -> None:
        super().__init_subclass__()


class Stand(ModuleType):
    """Anything that is imported and not needed: a module, a decorator, a type, a base class."""

    __path__: list[str] = []  # noqa: RUF012  (an import of a submodule asks for it)
    __file__ = None

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        child = Stand(f"{self.__name__}.{name}")
        # So that the same name is the same thing: members of an enumeration compare.
        setattr(self, name, child)
        return child

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        decorates = len(arguments) == 1 and not named and callable(arguments[0])
        return arguments[0] if decorates else self

    def __getitem__(self, _: Any) -> Stand:
        return self

    def __iter__(self) -> Iterator[Any]:
        return iter(())

    def __bool__(self) -> bool:
        return False  # what is asked while loading is whether something runs: ray, a process group

    def __mro_entries__(self, _: tuple[Any, ...]) -> tuple[type, ...]:
        return (Base,)

    def __or__(self, other: Any) -> Any:
        return other

    __ror__ = __or__


class _Finder:
    """Gives the named files as modules, and a stand-in for every other import that is not REAL."""

    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self._files = {name: folder / path for name, path in files.items()}
        self.brought: set[str] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: Any = None
    ) -> ModuleSpec | None:
        if name.partition(".")[0] in REAL:
            return None
        self.brought.add(name)
        if name in self._files:
            return spec_from_file_location(name, self._files[name])
        return ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return Stand(spec.name)

    def exec_module(self, module: ModuleType) -> None:
        """A stand-in has nothing to run."""


@contextmanager
def loaded(source: Source, folder: Path) -> Iterator[dict[str, Any]]:
    """The modules of a source by their names, for as long as the context lasts; then every import
    is undone.

    Raises:
        TrlibError: the folder is missing or is not a clone of the library; a file cannot be loaded.
    """
    missing = [path for path in source.files.values() if not (folder / path).is_file()]
    if missing:
        what = "no such folder" if not folder.is_dir() else f"no {missing[0]} in it"
        raise TrlibError(
            f"source: {folder}: {what}; expected a clone of {source.title}: {source.clone}"
        )
    finder = _Finder(folder, source.files)
    before, compiled = dict(sys.modules), torch.compile
    for name in list(sys.modules):
        if name.partition(".")[0] not in REAL and name.partition(".")[0] in _packages(source):
            del sys.modules[name]  # an installed version of the same library
    sys.meta_path.insert(0, finder)
    torch.compile = _as_it_is  # type: ignore[assignment]  # a compiler would only be slower here
    try:
        yield {name: _load(name, folder / path) for name, path in source.files.items()}
    finally:
        torch.compile = compiled
        sys.meta_path.remove(finder)
        for name in finder.brought:
            sys.modules.pop(name, None)
        for name, module in before.items():
            sys.modules.setdefault(name, module)


def _packages(source: Source) -> set[str]:
    return {name.partition(".")[0] for name in source.files}


def _load(name: str, path: Path) -> ModuleType:
    try:
        return import_module(name)
    except Exception as error:  # a file of another version can fail in any way
        raise TrlibError(
            f"source: {path}: loading it fails: {type(error).__name__}: {error}"
        ) from error


def _as_it_is(function: Any = None, **_: Any) -> Any:
    return (lambda inner: inner) if function is None else function


def commit_of(folder: Path, source: Source) -> str | None:
    """The commit that a clone stands at, with " and changes" where a loss file was edited; None: no
    git here."""
    try:
        run = [
            subprocess.run(
                ["git", "-C", str(folder), *words],
                capture_output=True,
                text=True,
                timeout=30,
                check=True,
            )
            for words in (
                ("rev-parse", "HEAD"),
                ("status", "--porcelain", "--", *source.files.values()),
            )
        ]
    except (OSError, subprocess.SubprocessError):
        return None
    return run[0].stdout.strip() + (" and changes" if run[1].stdout.strip() else "")
