"""Find which definition a function computes: the reference's, or the nearest one whose numbers are its own.

Definitions are tried in the order of how many choices they change, so that the first whose values and gradients agree
on every batch is the shortest explanation that was tried.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any

import torch
from torch import Tensor

from trlib.lab.conformance.aggregations import WORDS, coefficients
from trlib.lab.conformance.definitions import Axis
from trlib.lab.conformance.families import FAMILIES
from trlib.lab.conformance.vectors import Vectors

AGREES = 1e-6
"""Relative difference up to which two numbers agree."""
SAME = 1e-10
"""Relative difference up to which they come from one definition, computed in another order."""
FLOAT32 = 1e-4
"""What takes the place of both for a function that computes in float32."""
NOISE = 1e-15
"""Absolute difference that is rounding."""
DEEPEST = 6
"""Most choices that may differ from the reference at once."""
EXHAUSTIVE = 2
"""Up to so many, every combination is tried."""
BEAM = 16
"""Beyond that, so many of the most promising go on."""


@dataclass
class Observed:
    """What a function gave on the vectors."""

    values: dict[str, Tensor] = field(default_factory=dict)
    """By batch: a scalar, or [B, T] from a function that returns a value per token."""
    gradients: dict[str, Tensor] = field(default_factory=dict)
    """By batch: [B, T] of the value (of the masked sum of the values) in logp."""
    faults: dict[str, str] = field(default_factory=dict)
    """By batch: what went wrong."""
    empty: str | None = None
    """What it does where nothing is unmasked; None: loss 0 and gradient 0, as it should."""
    by_token: bool = False
    """It returns a value per token."""
    single: bool = False
    """It computes in float32."""


@dataclass(frozen=True)
class Deviation:
    """One choice in which a function differs from the reference."""

    point: str
    """anchor, cap, epsilon, window, aggregation, form or sign."""
    words: str
    """What the function does, in plain words."""


@dataclass(frozen=True)
class Match:
    """A definition that explains what was observed."""

    deviations: tuple[Deviation, ...]
    error: float
    """Largest relative difference between its numbers and the observed ones."""
    gradient_only: bool = False
    """The gradients agree and the values do not."""


@dataclass(frozen=True)
class Result:
    """What the search found."""

    agrees: bool
    """The reference's own numbers, to AGREES."""
    error: float
    """Largest relative difference from the reference."""
    seen: tuple[str, ...]
    """The batches that differ from the reference."""
    match: Match | None
    """The shortest explanation; None: nothing that was tried explains it."""
    tried: int
    """How many definitions were compared."""


def search(vectors: Vectors, loss: str, observed: Observed, how: str, *, deepest: int = DEEPEST) -> Result:
    """Hold what was observed against the loss under the aggregation `how` and the definitions near it.

    Args:
        vectors: the golden vectors.
        loss: one of FAMILIES.
        observed: at least one batch without a fault.
        how: the aggregation that was asked for; not read where a value per token came back.
        deepest: most choices that may differ at once.
    """
    bench = _Bench(vectors, observed, loss, None if observed.by_token else how)
    agrees, same = (FLOAT32, FLOAT32) if observed.single else (AGREES, SAME)
    errors = bench.errors({})
    worst = float(errors.max())
    seen = tuple(name for name, e in zip(bench.names, errors, strict=True) if not float(e.max()) <= agrees)
    if worst <= agrees:
        finer = None if worst <= same else _explain(bench, same, min(deepest, 2))
        return Result(True, worst, seen, finer, bench.tried)
    found = _explain(bench, same, deepest) or _explain(bench, agrees, deepest)
    return Result(False, worst, seen, found or _explain(bench, agrees, deepest, gradient_only=True), bench.tried)


def _explain(bench: _Bench, tolerance: float, deepest: int, gradient_only: bool = False) -> Match | None:
    """The shortest change of choices that agrees to `tolerance`: every single one and every pair, and beyond two the
    most promising (least numbers left that disagree) with one more."""
    if gradient_only and bench.left({}, tolerance, True) == 0:
        return Match((), 0.0, True)
    beam: list[dict[str, Any]] = []
    for depth in range(1, deepest + 1):
        changes = bench.changes(depth) if depth <= EXHAUSTIVE else bench.extended(beam)
        if depth == EXHAUSTIVE + 1:
            changes += bench.extended(bench.global_changes())
        ranked = sorted(((bench.left(change, tolerance, gradient_only), i) for i, change in enumerate(changes)))
        if not ranked:
            return None
        if ranked[0][0] == 0:
            change = _least(bench, changes[ranked[0][1]], tolerance, gradient_only)
            errors = bench.errors(change)
            return Match(bench.deviations(change), float(errors[:, 1].max() if gradient_only else errors.max()),
                         gradient_only)
        beam = [changes[i] for _, i in ranked[:BEAM]]
    return None


def _least(bench: _Bench, change: dict[str, Any], tolerance: float, gradient_only: bool) -> dict[str, Any]:
    """The change without what it does not need."""
    for name in list(change):
        without = {key: option for key, option in change.items() if key != name}
        if bench.left(without, tolerance, gradient_only) == 0:
            return _least(bench, without, tolerance, gradient_only)
    return change


class _Bench:
    """The definitions' numbers on the batches that were observed, beside the observed ones."""

    def __init__(self, vectors: Vectors, observed: Observed, loss: str, how: str | None) -> None:
        self.names = [name for name in vectors.names if name in observed.values]
        self._family = FAMILIES[loss]
        self._axes = dict(self._family.axes)
        if how is not None:
            self._axes["aggregation"] = Axis("aggregation", WORDS)
        self._base = {**self._family.base, "aggregation": how}
        self._horizon = float(vectors.document["horizon"])
        keep = torch.tensor([vectors.names.index(name) for name in self.names])
        chosen = (vectors.rows["batch"].unsqueeze(-1) == keep).any(-1)
        self._rows = {key: value[chosen] for key, value in vectors.rows.items()}
        self._masks = [vectors.batches[name]["mask"] for name in self.names]
        self._which = torch.unique(self._rows["batch"], return_inverse=True)[1]
        self._gradient = torch.cat([observed.gradients[name].double() for name in self.names])
        given = [observed.values[name].double() for name in self.names]
        self._value = torch.cat(given) if observed.by_token else torch.stack(given)
        self._forward: dict[tuple[Any, ...], tuple[Tensor, Tensor]] = {}
        self._known: dict[tuple[Any, ...], tuple[Tensor, Tensor]] = {}

    @property
    def tried(self) -> int:
        """Number of definitions compared so far."""
        return len(self._known)

    def changes(self, depth: int) -> list[dict[str, Any]]:
        """Every way to take another option on `depth` axes."""
        return [dict(zip(names, options, strict=True)) for names in combinations(self._axes, depth)
                for options in product(*map(self._others, names))]

    def extended(self, changes: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Each of the changes with one more option on another axis, no set twice."""
        wider = [{**change, name: option} for change in changes for name in self._axes if name not in change
                 for option in self._others(name)]
        return list({frozenset(change.items()): change for change in wider}.values())

    def global_changes(self) -> list[dict[str, Any]]:
        """Another sign with another aggregation: while both are wrong, nothing else shows."""
        if "aggregation" not in self._axes:
            return []
        return [{"sign": -1, "aggregation": how} for how in self._others("aggregation")]

    def deviations(self, change: dict[str, Any]) -> tuple[Deviation, ...]:
        """A change in words, in the order of the axes."""
        return tuple(Deviation(axis.point, axis.options[change[name]]) for name, axis in self._axes.items()
                     if name in change)

    def errors(self, change: dict[str, Any]) -> Tensor:
        """[batches, 2] largest relative difference of the values and of the gradients."""
        value, gradient = self._errors(change)
        return torch.stack([value if value.dim() == 1 else self._worst(value), self._worst(gradient)], -1)

    def left(self, change: dict[str, Any], tolerance: float, gradient_only: bool) -> int:
        """How many numbers still disagree."""
        value, gradient = self._errors(change)
        return int((gradient > tolerance).sum()) + (0 if gradient_only else int((value > tolerance).sum()))

    def _others(self, name: str) -> list[Any]:
        return [option for option in self._axes[name].options if option != self._base[name]]

    def _errors(self, change: dict[str, Any]) -> tuple[Tensor, Tensor]:
        """Relative differences: of the values by batch (by token, where they came so), of the gradients by token."""
        choices = {**self._base, **change}
        key = tuple(choices.values())
        if key not in self._known:
            how = choices.pop("aggregation")
            per_token, logp = self._per_token(choices)
            weights = self._rows["mask"].double() if how is None else self._coefficients(how)
            counted = weights * per_token
            gradient, = torch.autograd.grad(counted.sum(), logp, retain_graph=True)
            counted = counted.detach()
            value = (_relative(self._value * weights, counted) if how is None else
                     _relative(self._value, self._by_batch(counted), self._by_batch(counted.abs())))
            self._known[key] = value, _relative(self._gradient, gradient)
        return self._known[key]

    def _per_token(self, choices: dict[str, Any]) -> tuple[Tensor, Tensor]:
        key = tuple(choices.values())
        if key not in self._forward:
            logp = self._rows["logp"].clone().requires_grad_()
            self._forward[key] = self._family.per_token(self._rows, logp, **choices), logp
        return self._forward[key]

    def _coefficients(self, how: str) -> Tensor:
        return torch.cat([coefficients(how, mask, self._horizon) for mask in self._masks])

    def _by_batch(self, values: Tensor) -> Tensor:
        return torch.zeros(len(self.names), dtype=torch.float64).index_add(0, self._which, values.sum(-1))

    def _worst(self, errors: Tensor) -> Tensor:
        """[batches] the largest of each batch's [rows, T]."""
        none = torch.zeros(len(self.names), dtype=torch.float64)
        return none.scatter_reduce(0, self._which, errors.amax(-1), "amax")


def _relative(observed: Tensor, expected: Tensor, scale: Tensor | None = None) -> Tensor:
    """|a - b| against the larger of the two (or `scale`), 0 where it is rounding or both are NaN."""
    size = torch.maximum(observed.abs(), expected.abs()) if scale is None else scale
    apart = (observed - expected).abs()
    alike = (apart <= NOISE) | (observed.isnan() & expected.isnan())
    return torch.where(alike, 0.0, apart / size.clamp(min=NOISE)).nan_to_num(nan=float("inf"))
