"""A dump diagnosed: the findings are numbers only, no page and no file.

Ratios are taken between three policies: the one that learns (`logp`), the learner before the
batch's updates (`logp_old`) and the one that sampled (`logp_rollout`):

    π/μ  =  π/π_old  ×  π_old/μ
    whole   staleness   mismatch
"""

from __future__ import annotations

import math

import numpy as np
import torch

from trcheck.diagnose.alignment import align
from trcheck.diagnose.answer import answer
from trcheck.diagnose.effects import Effect, Limits, effects
from trcheck.diagnose.findings import (
    Agreement,
    ClassRow,
    Curves,
    Effective,
    EffectRow,
    Findings,
    Histogram,
    Logged,
    Point,
    Scale,
    Spread,
)
from trcheck.diagnose.judgement import Judgement, Measured, judge
from trcheck.diagnose.messages import say
from trcheck.diagnose.rollouts import Rollouts
from trcheck.diagnose.sample import Sample, mean_ratio, sample
from trcheck.diagnose.scale import MODEL, deviation, recorded
from trcheck.diagnose.token_table import examples, token_rows
from trlib.corrections import truncated_importance
from trlib.divergences import binary_tv, k3

QUANTILES = (0.0, 0.01, 0.05, 0.5, 0.95, 0.99, 1.0)
CLASSES = (0.0, 1e-4, 1e-3, 1e-2, 0.1, 0.5, 0.9, 1.0)
"""Edges of the classes by the sampler's probability of a token."""
BINS = 48
POINTS = 1200
"""Most tokens in the picture of all tokens."""
TOP = 0.01
"""The heaviest share of the tokens whose part of all weight is shown."""


def diagnose(
    rollouts: Rollouts, limits: Limits | None = None, against: Measured | None = None
) -> Findings:
    """What the dump says; pure.

    Args:
        rollouts: from `read`.
        limits: thresholds of the methods; None: the papers' defaults.
        against: what the run's last healthy dump measured (`trcheck.diagnose.measured`).
    """
    limits = limits or Limits()
    judgement, rollouts = judge(rollouts, against=against)
    mask, old = rollouts.mask, rollouts.logp_old is not None
    every = effects(rollouts, limits)
    cut = {e.key: rollouts.counted(e.silenced) for e in every}
    s = sample(rollouts)
    q, p = (np.exp(np.minimum(x, 0)) for x in (s.x, s.now))
    return Findings(
        source=rollouts.source,
        layout=rollouts.layout,
        completions=rollouts.count,
        positions=len(mask),
        tokens=len(s.x),
        prompts=None if rollouts.group is None else len(np.unique(rollouts.group)),
        anchor="logp_old" if old else "logp_rollout",
        duals=_duals(rollouts, judgement),
        limits=limits,
        sampling=rollouts.sampling,
        judgement=judgement,
        answer=answer(rollouts, limits, cut["ppo"]),
        spreads=tuple(_spreads(s, limits, old)),
        histogram=_histogram(s.now - (s.y if old else s.x), cut["ppo"], limits),
        unbiased=mean_ratio(s.d),
        alignment=align(rollouts),
        scale=_scale(s, old),
        curves=_curves(s),
        logged=_logged(s, limits),
        effective=_effective(s),
        effects=tuple(_count(e, s, mask) for e in every),
        agreement=_agreement(q, cut["ppo"], cut["dppo_tv"]),
        classes=tuple(_classes(s, cut)),
        words=token_rows(rollouts, every),
        examples=examples(rollouts, every),
        points=_points(q, p, cut["ppo"], cut["dppo_tv"]),
        recognised=rollouts.recognised,
        unread=rollouts.unread,
    )


def _duals(rollouts: Rollouts, judgement: Judgement) -> str:
    what = say("duals.advantage" if rollouts.reward is None else "duals.reward")
    if rollouts.group is None:
        return say("duals.whole", what=what)
    uneven = any(cause.name == "half-groups" for cause in judgement.causes)
    return say("duals.prompts", what=what, warning=say("duals.warning") if uneven else "")


def _scale(s: Sample, old: bool) -> Scale:
    column = "logp_old" if old else "logp"
    with np.errstate(over="ignore"):
        here = deviation(column, s.y, s.x)
    rows = recorded()
    below = next((row for row in reversed(rows) if row.deviation <= here.deviation), None)
    above = next((row for row in rows if row.deviation > here.deviation), None)
    values: dict[str, object] = {
        "column": column,
        "deviation": here.deviation,
        "model": MODEL,
    }
    for name, row in (("below", below), ("above", above)):
        if row is not None:
            values |= {name: say(f"scale.{row.key}"), f"{name}_value": row.deviation}
    kind = (
        "none"
        if here.deviation == 0
        else "below"
        if below is None
        else "beyond"
        if above is None
        else "between"
    )
    return Scale(
        here.deviation,
        here.kl,
        here.outside,
        here.largest,
        None if below is None else below.key,
        None if above is None else above.key,
        say(f"scale.{kind}", **values),
    )


def _curves(s: Sample) -> Curves:
    place = np.arange(len(s.owner)) - np.searchsorted(s.owner, s.owner)
    whose = np.unique(s.owner, return_inverse=True)[1]
    curves = (np.bincount(at, np.abs(s.d)) / np.bincount(at) for at in (place, whose))
    return Curves(*(tuple(float(f"{x:.5g}") for x in curve) for curve in curves))


def _spreads(s: Sample, limits: Limits, old: bool) -> list[Spread]:
    pairs = [("whole", s.x, s.now)]
    if old:
        pairs += [("staleness", s.y, s.now), ("mismatch", s.x, s.y)]
    rows = []
    for key, below, above in pairs:
        with np.errstate(over="ignore"):
            quantiles = np.exp(np.quantile(above - below, QUANTILES))
            ratio = np.exp(above - below)
        sampled = below is s.x
        outside = (ratio < 1 - limits.eps_low) | (ratio > 1 + limits.eps_high)
        rows.append(
            Spread(
                key,
                tuple(float(x) for x in quantiles),
                float(ratio.mean()),
                float(outside.mean()),
                float((below == above).mean()),
                float(k3(*_tensors(below, above)).mean()) if sampled else None,
                float(np.abs(ratio - 1).mean() / 2) if sampled else None,
            )
        )
    return rows


def _tensors(*arrays: np.ndarray) -> tuple[torch.Tensor, ...]:
    return tuple(map(torch.from_numpy, arrays))


def _histogram(log_ratio: np.ndarray, silenced: np.ndarray, limits: Limits) -> Histogram:
    bits = log_ratio / math.log(2)
    wanted = max(np.quantile(np.abs(bits), 0.99), 1.5 * math.log2(1 + limits.eps_high))
    reach = next((r for r in (0.5, 1.0, 2.0, 4.0, 8.0, 12.0) if r >= wanted), 16.0)
    edges = np.linspace(-reach, reach, BINS + 1)
    inside = np.clip(bits, -reach, reach)
    kept, cut = (np.histogram(inside[which], edges)[0] for which in (~silenced, silenced))
    return Histogram(reach, tuple(map(int, kept)), tuple(map(int, cut)))


def _logged(s: Sample, limits: Limits) -> tuple[Logged, ...]:
    learner, sampler = (column.unsqueeze(0) for column in _tensors(s.y, s.x))
    counted = torch.ones(learner.shape, dtype=torch.bool)
    ratios = {"as it is": (learner - sampler).exp()}
    for how in ("truncate", "mask"):
        ratios[how] = truncated_importance(learner, sampler, counted, cap=limits.cap, how=how)
    return tuple(Logged(how, float(r.mean()), float(r.max())) for how, r in ratios.items())


def _effective(s: Sample) -> Effective:
    log_ratio = s.now - s.x
    _, owner = np.unique(s.owner, return_inverse=True)
    weight = np.sort(np.exp(log_ratio - log_ratio.max()))[::-1]
    top = weight[: max(1, math.ceil(TOP * len(weight)))].sum() / weight.sum()
    whole = np.bincount(owner, weights=log_ratio)
    return Effective(_kish(log_ratio), _kish(whole), float(top))


def _kish(log_weight: np.ndarray) -> float:
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / np.square(weight).sum() / len(weight))


def _count(effect: Effect, s: Sample, mask: np.ndarray) -> EffectRow:
    silenced, size = effect.silenced[mask], np.abs(s.advantage)
    total = float(size.sum())
    sides = (s.advantage > 0, s.advantage < 0)
    positive, negative = (float(silenced[side].mean()) if side.any() else None for side in sides)
    return EffectRow(
        effect.key,
        effect.name,
        effect.anchor,
        silenced=int(silenced.sum()),
        share=float(silenced.mean()),
        positive=positive,
        negative=negative,
        advantage=float(size[silenced].sum()) / total if total else None,
        reweighed=int(effect.reweighed.sum()),
        turned=int(effect.turned.sum()),
    )


def _agreement(q: np.ndarray, ppo: np.ndarray, dppo: np.ndarray) -> Agreement:
    which = (ppo & dppo, ppo & ~dppo, dppo & ~ppo)
    both, one, other = (int(w.sum()) for w in which)
    middle = [float(np.median(q[w])) if w.any() else None for w in which]
    return Agreement(both, one, other, (middle[0], middle[1], middle[2]))


def _classes(s: Sample, cut: dict[str, np.ndarray]) -> list[ClassRow]:
    moved = binary_tv(*(x.clamp(max=0) for x in _tensors(s.x, s.now))).numpy()
    which = np.searchsorted(CLASSES, np.exp(s.x), side="right").astype(np.int8)
    which = np.clip(which - 1, 0, len(CLASSES) - 2)
    rows = []
    for i in np.unique(which):
        here = which == i
        with np.errstate(over="ignore"):
            low, middle, high = map(float, np.exp(np.quantile(s.d[here], (0.01, 0.5, 0.99))))
        rows.append(
            ClassRow(
                CLASSES[i],
                CLASSES[i + 1],
                int(here.sum()),
                (low, middle, high),
                float(np.quantile(moved[here], 0.99)),
                {key: int(flag[here].sum()) for key, flag in cut.items()},
            )
        )
    return rows


def _points(q: np.ndarray, p: np.ndarray, ppo: np.ndarray, dppo: np.ndarray) -> tuple[Point, ...]:
    """Evenly spaced among the silenced and among the others, at most half of each kind where there
    are many."""
    cut = ppo | dppo
    chosen = np.concatenate(
        [_some(np.flatnonzero(~cut), POINTS // 2), _some(np.flatnonzero(cut), POINTS // 2)]
    )
    return tuple(Point(float(q[i]), float(p[i]), bool(ppo[i]), bool(dppo[i])) for i in chosen)


def _some(index: np.ndarray, most: int) -> np.ndarray:
    return (
        index
        if len(index) <= most
        else index[np.linspace(0, len(index) - 1, most).round().astype(int)]
    )
