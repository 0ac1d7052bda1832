"""Exercises of chapter 11: the mean and the correction behind every sentence, the
rule of tuning, what a window allows a rare token, and a sweep of one's own."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from trbook.exercises.check import Draw, Exercise
from trbook.exercises.verdict import Check, NotYet, Verdict, kind, named
from trlab import Sweep
from trlab.sweep import declared, load_sweep
from trlab.tuning import NEAR
from trlab.verdicts import holm as holm_of_floats

LEAST_SEEDS = 12
BEFORE = {150, *range(700, 708)}
"""Seeds of runs that no declared sweep holds."""
MOST_ARMS = 12
"""Variants times points: as many as can run at smoke size while a reader waits."""


@cache
def used() -> frozenset[int]:
    """Seeds that the book's runs have used."""
    sweeps = map(load_sweep, declared())
    return frozenset(BEFORE.union(*((*sweep.seeds, *sweep.tuned_on) for sweep in sweeps)))


def _middle(runs: Tensor, cut: int) -> Tensor:
    return runs.sort().values[cut : len(runs) - cut].mean()


def _wrong_interquartile_mean(runs):
    quarter = len(runs) // 4
    low, high = runs.quantile(torch.tensor([0.25, 0.75], dtype=runs.dtype))
    return [
        (runs.mean(), "this is the mean of all runs: nothing is cut off yet."),
        (runs.median(), "this is the median: the middle *half* is averaged."),
        (
            _middle(runs, len(runs) // 8),
            "this cuts a quarter in all; cut a quarter at *either* end.",
        ),
        (
            runs[quarter : len(runs) - quarter].mean(),
            "these are the runs in the middle of the list; sort them first.",
        ),
        (
            _middle(runs, -(-len(runs) // 4)),
            "this cuts too many where n is not a multiple of 4: round n/4 down.",
        ),
        (
            runs[(runs >= low) & (runs <= high)].mean(),
            "this averages what lies between the quartiles, which a library interpolates; here "
            "⌊n/4⌋ runs are cut off at either end, whatever their values.",
        ),
        (
            runs.sort().values[quarter:].mean(),
            "only the lowest runs are cut off; the highest are too.",
        ),
    ]


check_interquartile_mean = Exercise(
    "Is `interquartile_mean(runs)` the mean of the middle half: ⌊n/4⌋ of the n runs cut off at "
    "either end?",
    truth=lambda runs: _middle(runs, len(runs) // 4),
    inputs=lambda draw: (draw.uniform(0, 1, 11),),
    examples=[([0.9, 0.1, 0.8, 0.7, 0.85, 0.05, 0.75, 0.8],), ([0.5, 0.1, 0.9, 0.2, 0.3],)],
    wrong=_wrong_interquartile_mean,
    praise="one collapsed run of eight moves the mean but hardly this number: that is why the book "
    "quotes it, and why it also draws every run.",
)


def _holm(p: Tensor) -> Tensor:
    return torch.tensor(holm_of_floats(p.clamp(0, 1).tolist()), dtype=p.dtype)


def _stepped(p: Tensor, *, cap: bool = True, climb: bool = True, ordered: bool = False) -> Tensor:
    """Holm's correction without one of its parts."""
    order = p.argsort()
    stepped = p[order] * torch.arange(len(p), 0, -1)
    stepped = stepped.clamp(max=1) if cap else stepped
    stepped = stepped.cummax(0).values if climb else stepped
    return stepped if ordered else torch.empty_like(p).scatter(0, order, stepped)


def _p_values(draw: Draw) -> tuple[Tensor]:
    small = draw.uniform(0, 1, 8) ** 4 / 10
    return (torch.cat([small, draw.uniform(0.1, 1, 3)])[draw.uniform(0, 1, 11).argsort()],)


def _wrong_holm(p):
    return [
        (
            (p * len(p)).clamp(max=1),
            "this multiplies every p by the number of questions, which is Bonferroni's "
            "correction; Holm multiplies the smallest by m, the next by m - 1, and so on.",
        ),
        (
            _stepped(p, climb=False),
            "a larger p may not come out smaller than one before it: take the running maximum.",
        ),
        (_stepped(p, cap=False), "a p-value is at most 1."),
        (
            _stepped(p, ordered=True),
            "these are the right numbers, sorted; each belongs at the place of its question.",
        ),
        (p.clone(), "these are the p-values as they came."),
        (
            torch.empty_like(p).scatter(
                0,
                p.argsort(),
                (p.sort().values * len(p) / torch.arange(1, len(p) + 1))
                .flip(0)
                .cummin(0)
                .values.flip(0)
                .clamp(max=1),
            ),
            "this is Benjamini and Hochberg's rule, which bounds the share of wrong answers "
            "among those given; Holm's bounds the chance of any.",
        ),
    ]


check_holm = Exercise(
    "Does `holm(p)` correct the p-values of several questions by Holm's rule, each at its own "
    "place?",
    truth=_holm,
    inputs=_p_values,
    examples=[([0.01, 0.04, 0.03, 0.6],), ([0.5, 0.001],), ([0.02, 0.021, 0.3],)],
    wrong=_wrong_holm,
    praise="0.04 among four questions is not below 0.05 any more. Ask fewer questions, and write "
    "them down before.",
)


def _chosen(accuracy: Tensor, kl: Tensor, near: float) -> Tensor:
    good = accuracy >= accuracy.max() - near
    return torch.where(good, kl, torch.full_like(kl, torch.inf)).argmin()


def _configurations(draw: Draw) -> tuple[Tensor, Tensor, float]:
    """Nine configurations whose accuracies lie a few points apart; the less accurate have mostly
    moved less."""
    behind = torch.tensor([0.0, 0.01, 0.02, 0.03, 0.04, 0.06, 0.1, 0.2, 0.4], dtype=torch.float64)
    moved = torch.tensor(
        [0.40, 0.45, 0.35, 0.30, 0.25, 0.20, 0.15, 0.10, 0.05], dtype=torch.float64
    )
    accuracy, kl = 0.9 - behind, moved + draw.uniform(-0.02, 0.02, 9)
    order = draw.uniform(0, 1, 9).argsort()
    return accuracy[order], kl[order], 0.005 + 0.01 * int(draw.integers(0, 4, 1))


def _wrong_choose(accuracy, kl, near):
    return [
        (
            torch.where(
                accuracy >= (1 - near) * accuracy.max(), kl, torch.full_like(kl, torch.inf)
            ).argmin(),
            "here `near` is a share of the best accuracy; it should be a difference: "
            "`accuracy.max() - near`.",
        ),
        (
            accuracy.argmax(),
            "this is the most accurate one; among those that are `near` it the one with the "
            "smallest `kl` wins.",
        ),
        (
            kl.argmin(),
            "this is the smallest `kl` of all; only those whose `accuracy` is `near` the best "
            "count.",
        ),
        (
            _chosen(accuracy, -kl, near),
            "this takes the one that moves the policy most; of those that are equally good, the "
            "one that moves it least wins.",
        ),
    ]


check_choose = Exercise(
    "Does `choose(accuracy, kl, near)` return the index of the configuration that the tuning rule "
    "chooses?",
    truth=_chosen,
    inputs=_configurations,
    examples=[
        ([0.80, 0.86, 0.857, 0.84], [0.01, 0.30, 0.05, 0.02], NEAR),
        ([0.50, 0.4915, 0.30], [0.30, 0.10, 0.05], 0.01),
    ],
    wrong=_wrong_choose,
    praise="on three seeds the best of fifteen is partly luck. Taking the calmest of those that "
    "cannot be told apart chooses by something that was measured well.",
)


@dataclass(frozen=True, repr=False)
class SweepCheck(Check):
    """The check of a sweep that the reader declares: it is read, and run at the smallest size."""

    asks: str
    run: Callable[[Sweep], Sequence[tuple[Any, str]]]
    """Runs a sweep at smoke size; returns the cells that failed, with their errors."""

    wants = "one `Sweep`"

    def _check(self, answer: Any) -> Verdict:
        if not isinstance(answer, Sweep):
            raise NotYet(f"expected a `Sweep(...)` here, but this is {kind(answer)}.")
        self._design(answer)
        arms = self._arms(answer)
        failed = self.run(replace(answer, name=answer.name or "mine"))
        if failed:
            cell, error = failed[0]
            raise NotYet(
                f"{len(failed)} cells failed at smoke size, the first ({cell}) with {error}"
            )
        return Verdict(
            True,
            f"{arms} arms of {len(answer.seeds)} seeds are {arms * len(answer.seeds)} runs, and "
            "every arm ran at the smallest size. Put it into a file and `trlib sweep FILE.py` "
            "runs it, with your predictions next to the outcome.",
        )

    def _design(self, sweep: Sweep) -> None:
        if len(sweep.variants) < 2:
            raise NotYet(
                "one variant has nothing to be compared with: add a control, such as the method's "
                "default."
            )
        if len(set(sweep.seeds)) < LEAST_SEEDS:
            raise NotYet(
                f"`seeds` holds {len(set(sweep.seeds))}: fewer than {LEAST_SEEDS} runs per arm are a "
                "description, never a verdict, and their intervals cover too little."
            )
        taken = sorted(used() & set(sweep.seeds))
        if taken:
            raise NotYet(
                f"the book's runs have used seed {taken[0]}. Runs that suggested a question cannot "
                "answer it: take seeds of your own, such as `range(500, 512)`."
            )
        if not sweep.predictions:
            raise NotYet("`predictions` is empty: say what you expect before you look.")

    def _arms(self, sweep: Sweep) -> int:
        from trlab.cells import cells

        try:
            arms = len(cells(sweep)) // len(sweep.seeds)
        except (ValueError, TypeError) as error:
            raise NotYet(f"the sweep cannot be run: {named(error)}") from error
        if arms > MOST_ARMS:
            raise NotYet(f"{arms} arms are too many to begin with: declare at most {MOST_ARMS}.")
        return arms


def _smoke(sweep: Sweep) -> Sequence[tuple[Any, str]]:
    from trlab.runner import conduct, plan

    with tempfile.TemporaryDirectory() as folder:
        return conduct(
            plan(sweep.smoke(), out=Path(folder) / "record"), workers=0, say=lambda line: None
        ).failed


check_sweep = SweepCheck(
    "Is this a sweep that can answer a question: a control, twelve fresh seeds, a prediction?",
    _smoke,
)
