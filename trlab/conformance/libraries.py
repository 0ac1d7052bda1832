"""The libraries whose losses can be held against the vectors: as installed, from a folder of their
source, or from documentation alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from importlib import import_module
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trlab.conformance import calls
from trlab.conformance.pieces import CORRECTED, Numbers, compare, estimator_of
from trlab.conformance.report import Finding, judge
from trlab.conformance.source import SHORT, Source, loaded
from trlab.conformance.vectors import Vectors
from trlib.errors import TrlibError

NAMES = {
    "verl": "verl",
    "trl": "TRL",
    "torchrl": "torchrl",
    "torch": "torch",
    "skyrl": "SkyRL",
    "prime-rl": "prime-rl",
    "slime": "slime",
    "openrlhf": "OpenRLHF",
    "nemo-rl": "NeMo-RL",
    "areal": "AReaL",
    "tinker": "Tinker",
}
"""What the pages call them."""
WRITTEN_FOR = {"verl": "0.9.1", "trl": "1.16.0", "torchrl": "0.14.1", "torch": "2.13.0"}
"""The versions whose functions were read; with another, a name that has moved is reported as a
failure."""
INSTALL = {
    **{library: f"pip install {library}=={at}" for library, at in WRITTEN_FOR.items()},
    "verl": "pip install --no-deps --ignore-requires-python verl==0.9.1, beside ray tensordict "
    "omegaconf hydra-core codetiming orjson pandas",
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


Correction = Callable[[dict[str, Tensor]], Tensor]
"""What a correction multiplies the tokens of a batch by."""


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

    @property
    def name(self) -> str:
        """The function's own name."""
        return self.subject.split(",")[0]


def subjects(
    vectors: Vectors, library: str, modules: dict[str, Any]
) -> Iterator[tuple[Held, calls.Subject]]:
    """Every loss of a library and how it is called.

    What its adapter makes for a call is made at the first call, so that a name that has moved fails
    there and is a line of its own.
    """
    module = adapter(library)
    for held in module.LOSSES:
        settings = held.settings or vectors.losses[held.loss]["settings"]
        made = cache(
            partial(module.subject, modules, held, {**settings, "horizon": vectors.horizon})
        )
        yield held, partial(_run, made)


def _run(made: Callable[[], calls.Subject], batch: dict[str, Tensor], logp: Tensor) -> Any:
    return made()(batch, logp)


def hold(vectors: Vectors, library: str, modules: dict[str, Any]) -> Iterator[Finding]:
    """A finding for every loss of a library that is `opened`, and for what stands beside them."""
    for held, run in subjects(vectors, library, modules):
        yield judged(vectors, held.subject, held.loss, held.how, run, note=held.note)
    yield from adapter(library).beside(vectors, modules)


def judged(
    vectors: Vectors, subject: str, loss: str, how: str, run: calls.Subject, *, note: str = ""
) -> Finding:
    """Call one function and say which loss it computes."""
    return judge(vectors, subject, loss, calls.observe(vectors, run), how, extra=note)


def estimated(
    vectors: Vectors, subject: str, estimate: Callable[..., Tensor], argument: str
) -> Iterator[Finding]:
    """A finding for each of a library's estimators of the KL, which the argument names."""
    for name in ("k1", "k2", "k3"):
        kl = partial(estimate, **{argument: name})
        yield compare(vectors, f"{subject} {name}", name, partial(estimator_of, kl=kl))


def corrected(vectors: Vectors, subject: str, name: str, factor: Correction) -> Finding:
    """A finding for a library's correction."""

    def run(vectors: Vectors) -> Numbers:
        found = {}
        for name in CORRECTED:
            batch = vectors.batches[name]
            found[name] = factor(batch).expand_as(batch["mask"]).where(batch["mask"], 0.0)
        return found

    return compare(vectors, subject, name, run)


def by_token(term: Callable[[dict[str, Tensor], Tensor], Tensor]) -> Callable[..., Tensor]:
    """A KL term of whole batches as an estimator of (logp, logp_old): asked for one token at a
    time, without advantages."""

    def estimate(logp: Tensor, old: Tensor) -> Tensor:
        nothing = {
            "mask": torch.ones(1, 1, dtype=torch.bool),
            "advantages": torch.zeros(1, 1, dtype=torch.float64),
        }
        tokens = zip(logp.reshape(-1, 1, 1), old.reshape(-1, 1, 1), strict=True)
        values = [term({**nothing, "logp_old": q, "logp_rollout": q}, p) for p, q in tokens]
        return torch.stack(values).reshape(logp.shape)

    return estimate


def felt(run: calls.Subject) -> Correction:
    """The factor of a correction that stands inside a loss of the batch's mean: at a ratio of 1 it
    is how the loss responds to a token's advantage."""

    def factor(batch: dict[str, Tensor]) -> Tensor:
        advantages = torch.ones_like(batch["logp_old"]).requires_grad_()
        value = run({**batch, "advantages": advantages}, batch["logp_old"])
        (gradient,) = torch.autograd.grad(value, advantages)
        return -gradient * batch["mask"].sum()

    return factor


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


def adapter(library: str) -> Any:
    """The module that calls a library's losses.

    It has LOSSES, `subject(modules, held, settings)`, which gives the call of one of them, and
    `beside(vectors, modules)`, the findings of what surrounds them.
    """
    return import_module(f"trlab.conformance.of_{library.replace('-', '_')}")


def source_of(library: str, folder: str | Path | None) -> Source:
    """What a library that is held from a clone is a clone of.

    Raises:
        ValueError: no folder is given.
    """
    source = adapter(library).SOURCE
    if not folder:
        raise ValueError(
            f"--source: expected the folder of a clone of {source.title} beside --library "
            f"{library}, got none; {source.clone}"
        )
    return source


@contextmanager
def opened(library: str, folder: Path | None = None) -> Iterator[dict[str, Any]]:
    """A library's modules, for as long as its losses are held: of a clone those that its adapter
    names, of an installed one, and of documentation, none.

    Raises:
        TrlibError: the library is not installed, or cannot be imported; the folder is not a clone
            of it, or its loss file cannot be loaded.
    """
    if library in SOURCES:
        source = source_of(library, folder)
        with loaded(source, Path(folder or "")) as modules:
            try:
                yield modules
            except Exception as error:  # another version may have moved what an adapter asks for
                raise TrlibError(
                    f"{library}: the adapter, written for commit {source.commit[:SHORT]}, fails "
                    f"on {folder}: {type(error).__name__}: {error}"
                ) from error
        return
    if library not in DOCUMENTED:
        found = installed(library)
        try:
            import_module(MODULES[library])
        except Exception as error:  # an import can fail in any way
            raise TrlibError(
                f"{library} {found} is installed, but importing {MODULES[library]} fails: "
                f"{type(error).__name__}: {error}; {unmet(library) or INSTALL[library]}"
            ) from error
    yield {}
