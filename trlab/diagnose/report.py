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

from trlab.diagnose.alignment import align
from trlab.diagnose.answer import answer
from trlab.diagnose.cause import mean_ratio, sample
from trlab.diagnose.causes import Judgement, judge
from trlab.diagnose.effects import Effect, Limits, effects
from trlab.diagnose.findings import (
    Agreement,
    ClassRow,
    Effective,
    EffectRow,
    Findings,
    Histogram,
    Logged,
    Point,
    Scale,
    Spread,
)
from trlab.diagnose.rollouts import Rollouts
from trlab.diagnose.scale import MODEL, deviation, recorded
from trlab.diagnose.texts import say
from trlab.diagnose.words import examples, token_rows
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


def diagnose(rollouts: Rollouts, limits: Limits | None = None) -> Findings:
    """What the dump says; pure.

    Args:
        rollouts: from `read`.
        limits: thresholds of the methods; None: the papers' defaults.
    """
    limits = limits or Limits()
    judgement, rollouts = judge(rollouts)
    mask = rollouts.mask
    every = effects(rollouts, limits)
    flags = {e.key: e.silenced for e in every}
    anchor = rollouts.logp_rollout if rollouts.logp_old is None else rollouts.logp_old
    s = sample(rollouts)
    q, p = (np.exp(np.minimum(x, 0))[mask] for x in (rollouts.logp_rollout, rollouts.logp))
    return Findings(
        source=rollouts.source,
        layout=rollouts.layout,
        completions=rollouts.count,
        positions=len(mask),
        tokens=int(mask.sum()),
        prompts=None if rollouts.group is None else len(np.unique(rollouts.group)),
        anchor="logp_rollout" if rollouts.logp_old is None else "logp_old",
        duals=_duals(rollouts, judgement),
        limits=limits,
        sampling=rollouts.sampling,
        judgement=judgement,
        answer=answer(rollouts, limits, flags["ppo"]),
        spreads=tuple(_spreads(rollouts, limits)),
        histogram=_histogram((rollouts.logp - anchor)[mask], flags["ppo"][mask], limits),
        unbiased=mean_ratio(s.d),
        alignment=align(rollouts),
        scale=_scale(rollouts),
        logged=_logged(rollouts, limits),
        effective=_effective(rollouts),
        effects=tuple(_count(e, rollouts) for e in every),
        agreement=_agreement(q, flags["ppo"][mask], flags["dppo_tv"][mask]),
        classes=tuple(_classes(rollouts, flags)),
        words=token_rows(rollouts, every),
        examples=examples(rollouts, every),
        points=_points(q, p, flags["ppo"][mask], flags["dppo_tv"][mask]),
        recognised=rollouts.recognised,
        unread=rollouts.unread,
    )


def _duals(rollouts: Rollouts, judgement: Judgement) -> str:
    what = say("duals.advantage" if rollouts.reward is None else "duals.reward")
    if rollouts.group is None:
        return say("duals.whole", what=what)
    uneven = any(cause.name == "half-groups" for cause in judgement.causes)
    return say("duals.prompts", what=what, warning=say("duals.warning") if uneven else "")


def _scale(rollouts: Rollouts) -> Scale:
    column = "logp" if rollouts.logp_old is None else "logp_old"
    with np.errstate(over="ignore"):
        here = deviation(
            column, rollouts.learner[rollouts.mask], rollouts.logp_rollout[rollouts.mask]
        )
    rows = recorded()
    below = next((row for row in reversed(rows) if row.deviation <= here.deviation), None)
    above = next((row for row in rows if row.deviation > here.deviation), None)
    values: dict[str, str] = {
        "column": column,
        "deviation": f"{here.deviation:.2g}",
        "model": MODEL,
    }
    for name, row in (("below", below), ("above", above)):
        if row is not None:
            values |= {name: say(f"scale.{row.key}"), f"{name}_value": f"{row.deviation:.2g}"}
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


def _spreads(rollouts: Rollouts, limits: Limits) -> list[Spread]:
    old = rollouts.logp_old
    pairs = [("whole", rollouts.logp_rollout, rollouts.logp)]
    if old is not None:
        pairs += [("staleness", old, rollouts.logp), ("mismatch", rollouts.logp_rollout, old)]
    rows = []
    for key, below, above in pairs:
        a, b = (torch.from_numpy(rollouts.counted(x)) for x in (below, above))
        with np.errstate(over="ignore"):
            quantiles, ratio = (
                np.exp(np.quantile((b - a).numpy(), QUANTILES)),
                np.exp((b - a).numpy()),
            )
        sampled = below is rollouts.logp_rollout
        outside = (ratio < 1 - limits.eps_low) | (ratio > 1 + limits.eps_high)
        rows.append(
            Spread(
                key,
                tuple(float(x) for x in quantiles),
                float(ratio.mean()),
                float(outside.mean()),
                float((a == b).double().mean()),
                float(k3(a, b).mean()) if sampled else None,
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


def _logged(rollouts: Rollouts, limits: Limits) -> tuple[Logged, ...]:
    a, b = (
        torch.from_numpy(rollouts.counted(x)).unsqueeze(0)
        for x in (rollouts.learner, rollouts.logp_rollout)
    )
    counted = torch.ones(a.shape, dtype=torch.bool)

    def said(how: str) -> Logged:
        f = (
            (a - b).exp()
            if how == "as it is"
            else truncated_importance(a, b, counted, cap=limits.cap, how=how)
        )
        return Logged(how, float(f.mean()), float(f.max()))

    return tuple(map(said, ("as it is", "truncate", "mask")))


def _effective(rollouts: Rollouts) -> Effective:
    mask = rollouts.mask
    log_ratio = (rollouts.logp - rollouts.logp_rollout)[mask]
    owner = rollouts.counted(rollouts.completion)
    counted = np.bincount(owner, minlength=rollouts.count) > 0
    whole = np.bincount(owner, weights=log_ratio, minlength=rollouts.count)[counted]
    weight = np.sort(np.exp(log_ratio - log_ratio.max()))[::-1]
    top = weight[: max(1, math.ceil(TOP * len(weight)))].sum() / weight.sum()
    return Effective(_kish(log_ratio), _kish(whole), float(top))


def _kish(log_weight: np.ndarray) -> float:
    weight = np.exp(log_weight - log_weight.max())
    return float(weight.sum() ** 2 / np.square(weight).sum() / len(weight))


def _count(effect: Effect, rollouts: Rollouts) -> EffectRow:
    mask, silenced = rollouts.mask, effect.silenced
    advantage = np.where(mask, rollouts.advantage, 0.0)
    total = float(np.abs(advantage).sum())
    shares = [
        float(silenced[s].mean()) if s.any() else None for s in (advantage > 0, advantage < 0)
    ]
    return EffectRow(
        effect.key,
        effect.name,
        effect.anchor,
        int(silenced.sum()),
        float(silenced[mask].mean()),
        shares[0],
        shares[1],
        float(np.abs(advantage[silenced]).sum()) / total if total else None,
        int(effect.reweighed.sum()),
        int(effect.turned.sum()),
    )


def _agreement(q: np.ndarray, ppo: np.ndarray, dppo: np.ndarray) -> Agreement:
    which = (ppo & dppo, ppo & ~dppo, dppo & ~ppo)
    both, one, other = (int(w.sum()) for w in which)
    middle = [float(np.median(q[w])) if w.any() else None for w in which]
    return Agreement(both, one, other, (middle[0], middle[1], middle[2]))


def _classes(rollouts: Rollouts, flags: dict[str, np.ndarray]) -> list[ClassRow]:
    mask = rollouts.mask
    logp, rollout = rollouts.counted(rollouts.logp), rollouts.counted(rollouts.logp_rollout)
    log_ratio = rollouts.counted(rollouts.learner) - rollout
    moved = binary_tv(
        torch.from_numpy(rollout).clamp(max=0), torch.from_numpy(logp).clamp(max=0)
    ).numpy()
    which = np.searchsorted(CLASSES, np.exp(rollout), side="right").astype(np.int8)
    which = np.clip(which - 1, 0, len(CLASSES) - 2)
    rows = []
    for i in range(len(CLASSES) - 1):
        here = which == i
        if here.any():
            with np.errstate(over="ignore"):
                low, middle, high = (
                    float(x) for x in np.exp(np.quantile(log_ratio[here], (0.01, 0.5, 0.99)))
                )
            rows.append(
                ClassRow(
                    CLASSES[i],
                    CLASSES[i + 1],
                    int(here.sum()),
                    (low, middle, high),
                    float(np.quantile(moved[here], 0.99)),
                    {key: int(flag[mask][here].sum()) for key, flag in flags.items()},
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
