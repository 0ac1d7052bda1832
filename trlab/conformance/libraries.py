"""The libraries whose losses can be held against the vectors, as installed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from trlab.conformance.report import Finding
from trlab.conformance.vectors import Vectors
from trlib.errors import TrlibError

WRITTEN_FOR = {"verl": "0.9.1", "trl": "1.16.0", "torchrl": "0.14.1", "torch": "2.13.0"}
"""The versions whose functions were read; with another, a name that has moved is reported as a failure."""
INSTALL = {
    "verl": "pip install --no-deps --ignore-requires-python verl==0.9.1, beside ray tensordict omegaconf hydra-core "
    "codetiming orjson pandas",
    "trl": "pip install trl==1.16.0",
    "torchrl": "pip install torchrl==0.14.1",
    "torch": "pip install torch==2.13.0",
}
MODULES = {"verl": "verl.trainer.ppo.core_algos", "trl": "trl", "torchrl": "torchrl.objectives.llm", "torch": "torch"}
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
            f"{type(error).__name__}: {error}; {INSTALL[library]}"
        ) from error
    yield from import_module(f"trlab.conformance.of_{library}").hold(vectors)
