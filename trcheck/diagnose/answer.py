"""Why is my clip ratio 0? The answer in words, from the data."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from trcheck.diagnose.effects import Limits, effects
from trcheck.diagnose.messages import say
from trcheck.diagnose.rollouts import Rollouts

SAME = 1e-4
"""Log-ratios smaller than this are roundings of 0: float32 log-probs of one model from two passes
differ by less."""


@dataclass(frozen=True)
class Answer:
    """The answer for PPO's window around the anchor."""

    code: str
    """"clips": it is not 0; "no advantage", "identical", "inside" or "other side": why it is."""
    share: float
    """PPO's clip ratio: clipped tokens over unmasked ones."""
    verdict: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Facts:
    """What the words are made of; ratios are π/anchor at the unmasked tokens."""

    anchor: str
    window: str
    log_ratio: np.ndarray
    outside: np.ndarray
    advantage: np.ndarray
    silenced: np.ndarray


def answer(rollouts: Rollouts, limits: Limits, silenced: np.ndarray) -> Answer:
    """The verdict, and what else in the dump bears on it.

    Args:
        silenced: [n] bool, the unmasked tokens that PPO clips around `logp_old`, or around
            `logp_rollout` where there is no such column.
    """
    name, old = "logp_old", rollouts.logp_old
    if old is None:
        name, old = "logp_rollout", rollouts.logp_rollout
    log_ratio = rollouts.counted(rollouts.logp) - rollouts.counted(old)
    facts = _Facts(
        name,
        f"[{1 - limits.eps_low:.4g}, {1 + limits.eps_high:.4g}]",
        log_ratio,
        limits.outside(log_ratio),
        rollouts.advantage[rollouts.mask],
        silenced,
    )
    code, verdict = _verdict(facts)
    reasons = [*_about(facts, code), *_anchors(rollouts, limits)]
    return Answer(code, float(silenced.mean()), verdict, tuple(reasons))


def _verdict(f: _Facts) -> tuple[str, str]:
    total, cut = len(f.log_ratio), int(f.silenced.sum())
    policy = say(f"policy.{f.anchor}")
    largest = float(np.abs(f.log_ratio).max())
    if cut:
        return "clips", say(
            "answer.clips",
            window=f.window,
            policy=policy,
            count=cut,
            total=total,
            share=cut / total,
        )
    if not f.advantage.any():
        return "no advantage", say("answer.no_advantage")
    if largest < SAME:
        exact = say("answer.exact") if largest == 0 else say("answer.rounding", largest=largest)
        return "identical", say("answer.identical", exact=exact, policy=policy)
    if not f.outside.any():
        low, high = np.exp([f.log_ratio.min(), f.log_ratio.max()])
        return "inside", say("answer.inside", window=f.window, low=low, high=high)
    count, idle = int(f.outside.sum()), int((f.outside & (f.advantage == 0)).sum())
    common = {"tokens": count, "lie": "lies" if count == 1 else "lie", "window": f.window}
    if idle == count:
        return "other side", say(
            "answer.idle", they="it has" if count == 1 else "they have", **common
        )
    return "other side", say(
        "answer.back", idle=say("answer.back_idle", count=idle) if idle else "", **common
    )


def _about(f: _Facts, code: str) -> list[str]:
    """What belongs to the verdict."""
    total, reasons = len(f.log_ratio), []
    if code == "identical":
        reasons.append(say("answer.one_update"))
    idle = int((f.outside & ~f.silenced).sum())
    if code == "clips" and idle:
        reasons.append(say("answer.not_silenced", count=idle, are="is" if idle == 1 else "are"))
    if code in ("inside", "clips"):
        acting = np.where(
            f.advantage > 0, f.log_ratio, np.where(f.advantage < 0, -f.log_ratio, -np.inf)
        )
        reach = float(np.quantile(acting, 0.99, method="lower")) if len(acting) else -np.inf
        if np.isfinite(reach) and reach > 0:
            low, high = np.exp([-reach, reach])
            reasons.append(say("answer.hundredth", window=f.window, low=low, high=high))
    zero = int((f.advantage == 0).sum())
    if zero and code != "no advantage":
        reasons.append(say("answer.zero", count=zero, total=total, share=zero / total))
    return reasons


def _anchors(rollouts: Rollouts, limits: Limits) -> list[str]:
    """Whether another anchor would say something else."""
    if rollouts.logp_old is None:
        return [say("answer.no_old")]
    mask = rollouts.mask
    if np.array_equal(rollouts.logp_old[mask], rollouts.logp_rollout[mask]):
        return [say("answer.copied")]
    cut = int(effects(replace(rollouts, logp_old=None), limits)[0].silenced.sum())
    largest = float(np.abs(rollouts.logp_old - rollouts.logp_rollout)[mask].max())
    with np.errstate(over="ignore"):
        factor = np.exp(largest)
    return [
        say(
            "answer.anchor",
            policy=say("policy.logp_rollout"),
            count=cut,
            share=cut / mask.sum(),
            factor=factor,
            column="logp_old",
        )
    ]
