"""BAPO: a clip whose window is searched for until what is right counts enough. What `Args:` and
`Raises:` leave out is as in `ppo_loss`."""

import math
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor

from trlib import checks
from trlib.algorithms.method import (
    Batch,
    Method,
    Scores,
    TokenLoss,
)
from trlib.algorithms.ppo import ppo_loss
from trlib.checks import SHARE


def bapo_bounds(
    ratio: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    low: float = 0.6,
    low_most: float = 0.8,
    high: float = 1.2,
    high_most: float = 2.0,
    step: float = 0.05,
    step_low: float | None = None,
    target: float = 1.0,
    count: str = "value",
    order: str = "low-first",
    probability: Tensor | None = None,
) -> tuple[float, float]:
    """BAPO's window (c_low, c_high) for all of [B, T]: c_low rises from `low` to `low_most`, and
    c_high from `high` to `high_most`, one after the other, until the tokens with A > 0 count
    `target` times as much as those with A < 0.

    count="value"      min(r, c_high) |A| or max(r, c_low) |A|: the clipped constants too, as in the
    released code
    count="gradient"   r |A| where the window lets its gradient through, else 0: the method's own
    idea order="low-first"  c_low first, as in the released code; "high-first": c_high first, as in
    the paper's Algorithm 1
    step, step_low     by how much c_high and c_low rise at a time; `step_low` None: as `step`
    probability        [B, T]: what a token counts is multiplied by it, π_rollout in the paper's
    equation 8; None: by 1

    Raises: also for bounds that are not in the order 0, low, low_most, 1, high, high_most; step <=
    0; target < 0.
    Source: arXiv 2510.18927. The defaults are read in the authors' code; `BAPO_PAPER` holds what is
    read in the paper.
        By value, raising c_low moves the statistic away from the target: the constants it counts
        grow.
    Differs from: the paper states a share, 0.4, of all that counts; `target` is its ratio to the
    rest, 0.4 / 0.6."""
    checks.choice("count", count, ("value", "gradient"))
    low_most = checks.number("low_most", low_most, **SHARE)
    high = checks.number("high", high, least=1)
    low = checks.number("low", low, least=0, most=low_most)
    high_most = checks.number("high_most", high_most, least=high, below=math.inf)
    target = checks.number("target", target, least=0)
    step = checks.number("step", step, above=0)
    step_low = step if step_low is None else checks.number("step_low", step_low, above=0)
    checks.choice("order", order, ("low-first", "high-first"))
    ratio, a = (x.detach() for x in checks.tokens(mask, ratio=ratio, advantages=advantages))
    by = 1.0 if probability is None else checks.tokens(mask, probability=probability)[0].detach()

    def too_little_gain(c_low: float, c_high: float) -> bool:
        counted = ratio.clamp(max=c_high).where(a > 0, ratio.clamp(min=c_low)) * a
        if count == "gradient":
            counted = (ratio * a).where((ratio <= c_high).where(a > 0, ratio >= c_low), 0.0)
        counted = counted * by
        up, down = float(counted.clamp(min=0).sum()), float(-counted.clamp(max=0).sum())
        return down > 0 and up < target * down

    c_low, c_high = low, high
    while (c_low < low_most or c_high < high_most) and too_little_gain(c_low, c_high):
        if c_low < low_most and (order == "low-first" or c_high >= high_most):
            c_low = min(c_low + step_low, low_most)
        else:
            c_high = min(c_high + step, high_most)
    return c_low, c_high


def bapo_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    dual_clip: float | None = 3.0,
    weigh_by: str = "one",
    **search: Any,
) -> TokenLoss:
    """PPO's clip, L = -min(r A, clip(r, c_low, c_high) A) and at most -c A for A < 0, in the window
    of `bapo_bounds`, which receives `search`; with weigh_by="rollout" its `probability` is that of
    `logp_old`.
    Source: arXiv 2510.18927; read in the authors' code. The paper's Algorithm 1 has no dual clip.
    The window is searched in Python by the values: torch.compile breaks its graph here."""
    checks.choice("weigh_by", weigh_by, ("one", "rollout"))
    new, old, a = checks.tokens(mask, logp=logp, logp_old=logp_old, advantages=advantages)
    if weigh_by == "rollout":
        search["probability"] = old.detach().exp().masked_fill(~mask, 0.0)
    low, high = bapo_bounds(checks.capped((new - old).detach()).exp(), a, mask, **search)
    return ppo_loss(
        logp,
        logp_old,
        advantages=advantages,
        mask=mask,
        eps_low=1 - low,
        eps_high=high - 1,
        dual_clip=dual_clip,
    )


@dataclass(frozen=True, kw_only=True)
class BAPO(Method):
    """A clip whose window is found anew in every update, from the current ratios of its minibatch's
    tokens. At a batch's first update every ratio is 1, and no window shuts anything out. The
    defaults are those of the authors' code, with which BAPO was recorded; `BAPO(**BAPO_PAPER)` is
    the paper's Algorithm 1."""

    advantage: str = "group-std"
    low: float = 0.6
    """c_low, where the search begins."""
    low_most: float = checks.setting(0.8, **SHARE)
    """How far c_low may rise."""
    high: float = checks.setting(1.2, least=1)
    """c_high, where the search begins."""
    high_most: float = 2.0
    """How far c_high may rise."""
    target: float = checks.setting(1.0, least=0)
    """How much the tokens with A > 0 should count, relative to those with A < 0; 1 is half of
    all."""
    count: Literal["value", "gradient"] = checks.setting("value")
    """What a token counts: its clipped value, as in the released code, or its gradient."""
    dual_clip: float | None = checks.setting(3.0, above=1)
    """Bound on the ratio of a token with A < 0; None: off."""
    order: Literal["low-first", "high-first"] = checks.setting("low-first")
    """Which edge moves first: c_low in the released code, c_high in the paper."""
    step: float = checks.setting(0.05, above=0)
    """By how much c_high rises at a time."""
    step_low: float | None = checks.setting(None, above=0)
    """By how much c_low rises at a time; None: as c_high."""
    weigh_by: Literal["one", "rollout"] = checks.setting("one")
    """What a token's count is multiplied by: one, or, as in the paper, its probability when it was
    sampled."""

    def __post_init__(self) -> None:
        super().__post_init__()
        checks.number("low", self.low, least=0, most=self.low_most)
        checks.number("high_most", self.high_most, least=self.high, below=math.inf)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        chosen = self.settings_for(bapo_loss, bapo_bounds)
        return bapo_loss(scores.logp, batch.logp_anchor, **batch.credit, **chosen)


BAPO_PAPER: dict[str, Any] = {
    "low_most": 0.9,
    "high_most": 3.0,
    "target": 0.4 / 0.6,
    "dual_clip": None,
    "order": "high-first",
    "step_low": 0.02,
    "weigh_by": "rollout",
}
"""Settings of `BAPO` as read in the paper: Algorithm 1, equation 8 and section 5.1, whose ρ_0 is a
share of 0.4."""
