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

from trcheck.diagnose.answer import answer
from trcheck.diagnose.effects import Effect, Limits, effects
from trcheck.diagnose.findings import (
    Curves,
    EffectRow,
    Findings,
    Histogram,
    Spread,
)
from trcheck.diagnose.judgement import Measured, judge
from trcheck.diagnose.rollouts import Rollouts
from trcheck.diagnose.sample import Sample, sample
from trlib.divergences import k3

QUANTILES = (0.0, 0.01, 0.05, 0.5, 0.95, 0.99, 1.0)
BINS = 48


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
    silenced, s = rollouts.counted(every[0].silenced), sample(rollouts)
    return Findings(
        source=rollouts.source,
        layout=rollouts.layout,
        completions=rollouts.count,
        positions=len(mask),
        tokens=len(s.x),
        anchor="logp_old" if old else "logp_rollout",
        limits=limits,
        sampling=rollouts.sampling,
        judgement=judgement,
        answer=answer(rollouts, limits, silenced),
        spreads=tuple(_spreads(s, limits, old)),
        histogram=_histogram(s.now - (s.y if old else s.x), silenced, limits),
        curves=_curves(s),
        effective=_kish(s.now - s.x),
        effects=tuple(_count(e, s, mask) for e in every),
        recognised=rollouts.recognised,
        unread=rollouts.unread,
    )


def _curves(s: Sample) -> Curves:
    whose = np.unique(s.owner, return_inverse=True)[1]
    curves = (np.bincount(at, np.abs(s.d)) / np.bincount(at) for at in (s.place, whose))
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
        rows.append(
            Spread(
                key,
                tuple(float(x) for x in quantiles),
                float(ratio.mean()),
                float(limits.outside(above - below).mean()),
                float((below == above).mean()),
                float(k3(torch.from_numpy(below), torch.from_numpy(above)).mean())
                if sampled
                else None,
                float(np.abs(ratio - 1).mean() / 2) if sampled else None,
            )
        )
    return rows


def _histogram(log_ratio: np.ndarray, silenced: np.ndarray, limits: Limits) -> Histogram:
    bits = log_ratio / math.log(2)
    wanted = max(np.quantile(np.abs(bits), 0.99), 1.5 * math.log2(1 + limits.eps_high))
    reach = next((r for r in (0.5, 1.0, 2.0, 4.0, 8.0, 12.0) if r >= wanted), 16.0)
    edges = np.linspace(-reach, reach, BINS + 1)
    inside = np.clip(bits, -reach, reach)
    kept, cut = (np.histogram(inside[which], edges)[0] for which in (~silenced, silenced))
    return Histogram(reach, tuple(map(int, kept)), tuple(map(int, cut)))


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
    )
