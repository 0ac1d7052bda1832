"""The libraries whose losses can be held against the vectors: as installed, from a folder of their
source, or from documentation alone."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from torch import Tensor

from trlab.conformance import calls, places
from trlab.conformance.pieces import compare, estimator_of
from trlab.conformance.report import Finding, judge
from trlab.conformance.source import SHORT, loaded
from trlab.conformance.vectors import Vectors
from trlib.errors import TrlibError

WRITTEN_FOR = {"verl": "0.9.1", "trl": "1.16.0", "torchrl": "0.14.1", "torch": "2.13.0"}
"""The versions whose functions were read; with another, a name that has moved is reported as a
failure."""
INSTALL = {
    "verl": "pip install --no-deps --ignore-requires-python verl==0.9.1, beside ray tensordict "
    "omegaconf hydra-core codetiming orjson pandas",
    "trl": "pip install trl==1.16.0",
    "torchrl": "pip install torchrl==0.14.1",
    "torch": "pip install torch==2.13.0",
}
SOURCES = ("skyrl", "prime-rl", "slime", "openrlhf", "nemo-rl", "areal")
"""Libraries that are held from a clone: `of_NAME.SOURCE` says of what and at which commit."""
DOCUMENTED = ("tinker",)
"""What is known by its documentation alone."""
LIBRARIES = (*WRITTEN_FOR, *SOURCES, *DOCUMENTED)
MODULES = {
    "verl": "verl.trainer.ppo.core_algos",
    "trl": "trl",
    "torchrl": "torchrl.objectives.llm",
    "torch": "torch",
}
"""What has to be importable."""


@dataclass(frozen=True)
class Held:
    """One function of a library and the loss it is held against."""

    subject: str
    loss: str
    how: str
    """The aggregation that is asked for."""
    settings: dict[str, Any] = field(default_factory=dict)
    """In place of the loss's own."""
    options: dict[str, Any] = field(default_factory=dict)
    """Of the call."""
    note: str = ""


def judged(vectors: Vectors, subjects: Iterable[tuple[Held, calls.Subject]]) -> Iterator[Finding]:
    """A finding for every loss of a library."""
    for held, run in subjects:
        observed = calls.observe(vectors, run)
        yield judge(vectors, held.subject, held.loss, observed, held.how, extra=held.note)


def estimated(
    vectors: Vectors, subject: str, estimate: Callable[..., Tensor], argument: str
) -> Iterator[Finding]:
    """A finding for each of a library's estimators of the KL, which the argument names."""
    for name in ("k1", "k2", "k3"):
        kl = partial(estimate, **{argument: name})
        yield compare(vectors, f"{subject} {name}", name, partial(estimator_of, kl=kl))


def installed(library: str) -> str:
    """The version that is installed, without the name of its build.

    Raises:
        TrlibError: the library is not installed; says how to.
    """
    try:
        return version(library).split("+")[0]
    except PackageNotFoundError:
        raise TrlibError(
            f"{library} is not installed (written for {WRITTEN_FOR[library]}): {INSTALL[library]}"
        ) from None


def unmet(library: str) -> str:
    """What an installed library asks for and does not find, with the command that brings it; empty:
    nothing.

    Another library may have installed an older version: verl, installed with its dependencies,
    breaks torchrl in this way.
    """
    from packaging.requirements import Requirement

    if "--no-deps" in INSTALL.get(library, ""):  # what it asks for is left out on purpose
        return ""
    wanted = [Requirement(text) for text in requires(library) or ()]
    missing = [
        one
        for one in wanted
        if (one.marker is None or one.marker.evaluate({"extra": ""})) and not _met(one)
    ]
    if not missing:
        return ""
    command = " ".join(f"'{one.name}{one.specifier}'" for one in missing)
    return (
        f"it needs {', '.join(f'{one.name}{one.specifier}' for one in missing)}: pip install "
        f"{command}"
    )


def _met(requirement: Any) -> bool:
    try:
        return requirement.specifier.contains(version(requirement.name), prereleases=True)
    except PackageNotFoundError:
        return False


def hold(vectors: Vectors, library: str) -> Iterator[Finding]:
    """Hold every function of an installed library against the vectors.

    Raises:
        TrlibError: the library is not installed, or cannot be imported.
    """
    found = installed(library)
    try:
        import_module(MODULES[library])
    except Exception as error:  # an import can fail in any way
        raise TrlibError(
            f"{library} {found} is installed, but importing {MODULES[library]} fails: "
            f"{type(error).__name__}: {error}; {unmet(library) or INSTALL[library]}"
        ) from error
    yield from adapter(library).hold(vectors)


def adapter(library: str) -> Any:
    """The module that calls a library's losses."""
    return import_module(f"trlab.conformance.of_{library.replace('-', '_')}")


def hold_source(
    vectors: Vectors, library: str, folder: Path
) -> tuple[list[Finding], list[dict[str, Any]]]:
    """Hold the losses of a library from its source, and run the reproductions of its places.

    Raises:
        TrlibError: the folder is not a clone of the library, or its loss file cannot be loaded.
    """
    module = adapter(library)
    with loaded(module.SOURCE, folder) as modules:
        try:
            findings = list(module.hold(vectors, modules))
        except (
            Exception
        ) as error:  # another version may have moved anything that the adapter asks for
            raise TrlibError(
                f"{library}: the adapter, written for commit {module.SOURCE.commit[:SHORT]}, fails "
                f"on {folder}: {type(error).__name__}: {error}"
            ) from error
        return findings, [places.as_dict(place) for place in places.places_of(library)]
