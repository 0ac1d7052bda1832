"""Why is my clip ratio 0? The answer in words, from the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trlab.diagnose.effects import Limits, ppo_silenced
from trlab.diagnose.rollouts import Rollouts

SAME = 1e-4
"""Log-ratios smaller than this are roundings of 0: float32 log-probs of one model from two passes differ by less."""
POLICY = {
    "logp_old": "the learner before this batch's updates (logp_old)",
    "logp_rollout": "the policy that sampled (logp_rollout)",
}


@dataclass(frozen=True)
class Answer:
    """The answer for PPO's window around the anchor."""

    code: str
    """"clips": it is not 0; "no advantage", "identical", "inside" or "other side": why it is."""
    share: float
    """PPO's clip ratio: silenced tokens over unmasked ones."""
    verdict: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class _Facts:
    """What the words are made of; ratios are π/anchor at the unmasked tokens."""

    anchor: str
    window: str
    log_ratio: np.ndarray
    above: np.ndarray
    below: np.ndarray
    advantage: np.ndarray
    silenced: np.ndarray

    @property
    def outside(self) -> np.ndarray:
        return self.above | self.below


def answer(rollouts: Rollouts, limits: Limits, silenced: np.ndarray) -> Answer:
    """The verdict, and what else in the dump bears on it.

    Args:
        silenced: [N] bool, by PPO around `logp_old`, or around `logp_rollout` where there is no such column.
    """
    name = "logp_rollout" if rollouts.logp_old is None else "logp_old"
    facts = _facts(rollouts, limits, name, silenced)
    code, verdict = _verdict(facts)
    reasons = [*_about(facts, code), *_anchors(rollouts, limits, name), *_masked(rollouts, limits, facts, name)]
    return Answer(code, float(facts.silenced.mean()), verdict, tuple(reasons))


def _facts(rollouts: Rollouts, limits: Limits, name: str, silenced: np.ndarray) -> _Facts:
    mask = rollouts.mask
    log_ratio = (rollouts.logp - _column(rollouts, name))[mask]
    above, below = _window(log_ratio, limits)
    window = f"[{1 - limits.eps_low:.4g}, {1 + limits.eps_high:.4g}]"
    return _Facts(name, window, log_ratio, above, below, rollouts.advantage[mask], silenced[mask])


def _verdict(f: _Facts) -> tuple[str, str]:
    n, cut = len(f.log_ratio), int(f.silenced.sum())
    largest = float(np.abs(f.log_ratio).max())
    if cut:
        return "clips", (
            f"It is not 0 here: PPO's window {f.window} around {POLICY[f.anchor]} silences {cut:,} of "
            f"{n:,} tokens, {percent(cut / n)}."
        )
    if not f.advantage.any():
        return "no advantage", (
            "Because every advantage is 0: no token is pushed anywhere, so there is nothing to "
            "clip. All completions of a prompt have the same reward, or the advantages were lost "
            "on the way into this file."
        )
    if largest < SAME:
        exact = "to the last bit" if largest == 0 else f"within rounding (the largest deviation is {largest:.1g})"
        return "identical", (
            f"Because every ratio is 1, {exact}: the policy that learns is still {POLICY[f.anchor]}. "
            "With one update a batch it always is when the gradient is taken; there is no trust "
            "region until the data are older than the policy."
        )
    if not f.outside.any():
        low, high = np.exp([f.log_ratio.min(), f.log_ratio.max()])
        return "inside", (
            f"Because no ratio has left the window {f.window}: they lie from {low:.4g} to {high:.4g}. "
            "The updates so far have been too small for the clip to act."
        )
    count, idle = int(f.outside.sum()), int((f.outside & (f.advantage == 0)).sum())
    verb, none = ("lies", "it has") if count == 1 else ("lie", "they have")
    why = (
        f"but {none} no advantage, so nothing pushes there."
        if idle == count
        else "but on the side where a clip does nothing: above it with A < 0 or below it with A > 0, where the update "
        "leads back" + (f" ({idle:,} have no advantage)." if idle else ".")
    )
    return "other side", f"{tokens(count)} {verb} outside the window {f.window}, {why}"


def _about(f: _Facts, code: str) -> list[str]:
    """What belongs to the verdict."""
    n, reasons = len(f.log_ratio), []
    if code == "identical":
        reasons.append(
            "If your trainer logs 0 all the time: it makes one update a batch (verl: ppo_mini_batch_size is "
            "train_batch_size and ppo_epochs is 1; TRL: num_iterations is 1 and steps_per_generation does not "
            "exceed gradient_accumulation_steps). If it makes several, this dump is from the first one: dump "
            "a later one."
        )
    idle = int((f.outside & ~f.silenced).sum())
    if code == "clips" and idle:
        reasons.append(
            f"Of the tokens outside the window {idle:,} {'is' if idle == 1 else 'are'} not silenced: the "
            "advantage is 0, or the update leads back and PPO's min takes the unclipped side."
        )
    if code in ("inside", "clips"):
        acting = np.where(f.advantage > 0, f.log_ratio, np.where(f.advantage < 0, -f.log_ratio, -np.inf))
        reach = float(np.quantile(acting, 0.99, method="lower")) if len(acting) else -np.inf
        if np.isfinite(reach) and reach > 0:
            reasons.append(
                f"The window is {f.window}; one in a hundred tokens would be silenced by a window from "
                f"{np.exp(-reach):.3g} to {np.exp(reach):.3g}."
            )
    zero = int((f.advantage == 0).sum())
    if zero and code != "no advantage":
        reasons.append(
            f"With advantage 0: {zero:,} of {n:,} tokens ({percent(zero / n)}). Nothing pushes them, so no "
            "clip can silence them, but they count in the denominator."
        )
    return reasons


def _anchors(rollouts: Rollouts, limits: Limits, name: str) -> list[str]:
    """Whether another anchor would say something else."""
    if rollouts.logp_old is None:
        return [
            "The file has no logp_old, so the ratio is taken to the policy that sampled. A trainer that recomputes "
            "log-probs before its updates (TRL, and verl unless it bypasses that) takes it to the recomputed ones "
            "and sees less: the sampler's own deviation drops out."
        ]
    mask = rollouts.mask
    if np.array_equal(rollouts.logp_old[mask], rollouts.logp_rollout[mask]):
        return [
            "logp_old and logp_rollout are equal to the last bit: the sampler is the learner, or one column was "
            "copied from the other and the sampler's own deviation was not recorded."
        ]
    cut = int(ppo_silenced(rollouts, limits, rollouts.logp_rollout).sum())
    deviation = float(np.abs(rollouts.logp_old - rollouts.logp_rollout)[mask].max())
    return [
        f"The anchor decides what is seen: around {POLICY['logp_rollout']} the same window would silence "
        f"{cut:,} tokens, {percent(cut / mask.sum())}. The two anchors differ by up to a factor "
        f"{np.exp(deviation):.3g}, which a ratio to {name} never shows."
    ]


def _masked(rollouts: Rollouts, limits: Limits, f: _Facts, name: str) -> list[str]:
    """What the mask hides, and how it changes the average."""
    hidden = ~rollouts.mask
    if not hidden.any():
        return []
    share = f"{int(hidden.sum()):,} of {len(hidden):,} positions ({percent(hidden.mean())}) are masked"
    with np.errstate(invalid="ignore"):
        above, below = _window((rollouts.logp - _column(rollouts, name))[hidden], limits)
    out = int((above | below).sum())
    reasons = [
        f"{share}; whatever the ratio is there, it is not counted"
        + (f" ({out:,} of these ratios, which may be padding's, lie outside the window)." if out else ".")
    ]
    if f.silenced.any():
        reasons.append(
            f"A library that averages over all positions, masked ones included, logs "
            f"{percent(f.silenced.sum() / len(hidden))} instead of {percent(f.silenced.mean())}."
        )
    return reasons


def _window(log_ratio: np.ndarray, limits: Limits) -> tuple[np.ndarray, np.ndarray]:
    """Above and below PPO's window."""
    with np.errstate(over="ignore"):
        ratio = np.exp(log_ratio)
    return ratio > 1 + limits.eps_high, ratio < 1 - limits.eps_low


def _column(rollouts: Rollouts, name: str) -> np.ndarray:
    column = getattr(rollouts, name)
    assert column is not None
    return column


def tokens(n: int) -> str:
    """A number of tokens."""
    return f"{n:,} token{'' if n == 1 else 's'}"


def percent(share: float) -> str:
    """A share with the digits that it needs: 12 %, 1.3 %, 0.04 %."""
    value = 100 * float(share)
    digits = 0 if value == 0 or value >= 10 else 1 if value >= 0.95 else 2
    return f"{value:.{digits}f} %" if value == 0 or value >= 0.005 else "under 0.01 %"
