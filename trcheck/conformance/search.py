"""Find which definition a function computes: the reference's, or the nearest one whose numbers are
its own.

Definitions are tried in the order of how many choices they change, so that the first whose values
and gradients agree on every batch is the shortest explanation that was tried.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from trcheck.conformance.bench import Bench, Observed
from trcheck.conformance.common_bugs import ADDED, BUGS, TERMS, added
from trcheck.conformance.definitions import Deviation
from trcheck.conformance.vectors import Vectors

AGREES = 1e-6
"""Relative difference up to which two numbers agree."""
SAME = 1e-10
"""Relative difference up to which they come from one definition, computed in another order."""
FLOAT32 = 1e-4
"""What takes the place of both for a function that computes in float32."""
COARSE = 1e-5, 3e-2
"""Half of the numbers differ by more than the one and nine of ten by no more than the other where
log-probs are rounded to bfloat16."""
DEEPEST = 2
"""Most choices that may differ from the reference at once; what changes more is another loss."""
PAIRED = 6
"""This many of the most promising common bugs are paired with every other choice."""


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
    steered: tuple[str, ...] = ()
    """The batches whose gradients differ from the reference, whatever the values do."""
    first: dict[str, Any] | None = None
    """The first place that differs from the reference, as `Bench.first` gives it."""
    coarse: float | None = None
    """What nine of ten gradients differ by at most, where that is what bfloat16 would do."""


def search(
    vectors: Vectors, loss: str, observed: Observed, how: str, *, deepest: int = DEEPEST
) -> Result:
    """Hold what was observed against the loss under the aggregation `how` and the definitions near
    it.

    Args:
        vectors: the golden vectors.
        loss: one of FAMILIES.
        observed: at least one batch without a fault.
        how: the aggregation that was asked for; not read where a value per token came back.
        deepest: most choices that may differ at once.
    """
    bench = Bench(vectors, observed, loss, None if observed.by_token else how)
    agrees, same = (FLOAT32, FLOAT32) if observed.single else (AGREES, SAME)
    errors = bench.errors({})
    worst = float(errors.max())
    seen = tuple(
        name for name, e in zip(bench.names, errors, strict=True) if not float(e.max()) <= agrees
    )
    if worst <= agrees:
        finer = None if worst <= same else _explain(bench, same, min(deepest, 2))
        return Result(True, worst, seen, finer, bench.tried)
    first = bench.first(agrees)
    steered = tuple(
        name for name, e in zip(bench.names, errors, strict=True) if not float(e[1]) <= agrees
    )
    match = _explain(bench, same, min(deepest, 1))
    if match is None and deepest > 0:
        _offer_terms(bench, agrees)
        match = _explain(bench, same, deepest) or _explain(bench, agrees, deepest)
    match = match or _explain(bench, agrees, deepest, gradient_only=True)
    half, most = bench.spread()
    coarse = most if match is None and half > COARSE[0] and most <= COARSE[1] else None
    return Result(False, worst, seen, match, bench.tried, steered, first, coarse)


def _explain(
    bench: Bench, tolerance: float, deepest: int, gradient_only: bool = False
) -> Match | None:
    """The shortest change of choices that agrees to `tolerance`: every single one, then every
    pair."""
    if gradient_only and bench.left({}, tolerance, True) == 0:
        return Match((), 0.0, True)
    promising: list[dict[str, Any]] = []
    for depth in range(1, deepest + 1):
        # Common bugs only alone.
        changes = bench.family.changes(depth, BUGS if depth > 1 else ())
        changes += bench.extended(promising)
        ranked = sorted(
            (bench.left(change, tolerance, gradient_only), bench.fitted(change), i)
            for i, change in enumerate(changes)
        )
        if ranked and ranked[0][0] == 0:
            change = _least(bench, changes[ranked[0][-1]], tolerance, gradient_only)
            errors = bench.errors(change)
            return Match(
                bench.family.deviations(change),
                float(errors[:, 1].max() if gradient_only else errors.max()),
                gradient_only,
            )
        bugs = [changes[i] for *_, i in ranked if BUGS & changes[i].keys()]
        promising = bugs[:PAIRED]
    return None


def named(vectors: Vectors, loss: str, observed: Observed, how: str) -> Match | None:
    """Another loss of the vectors whose numbers these are, under the same aggregation."""
    agrees = FLOAT32 if observed.single else AGREES
    for name, about in vectors.losses.items():
        bench = Bench(vectors, observed, name, None if observed.by_token else how)
        error = float(bench.errors({}).max()) if name != loss else math.inf
        if error <= agrees:
            words = f"computes another loss, {name}: {about['formula']}"
            return Match((Deviation("form", words),), error)
    return None


def _offer_terms(bench: Bench, tolerance: float) -> None:
    """Offer every term that may have been added, with the factor that the median token's gradient
    says, where it leaves fewer numbers in disagreement than the reference does."""
    without, least = bench.gradients({}), bench.left({}, tolerance, False)
    for name in TERMS:
        term = bench.gradients({ADDED: (name, 1.0)}) - without
        felt = term.abs() > 1e-9
        if not felt.any():
            continue
        factor = float(f"{((bench.gradient - without)[felt] / term[felt]).median().item():.12g}")
        if not math.isfinite(factor) or abs(factor) <= 1e-12:
            continue
        if bench.left({ADDED: (name, factor)}, tolerance, False) < least:
            bench.offer(ADDED, (name, factor), added(name, factor))


def _least(
    bench: Bench, change: dict[str, Any], tolerance: float, gradient_only: bool
) -> dict[str, Any]:
    """The change without what it does not need."""
    for name in list(change):
        without = {key: option for key, option in change.items() if key != name}
        if bench.left(without, tolerance, gradient_only) == 0:
            return _least(bench, without, tolerance, gradient_only)
    return change
