"""Corrections for a sampler that is not the learner: truncated and masked importance sampling.

The engine that samples (other kernels, another precision, older weights) and the learner that trains never agree
exactly. Standard practice beside any clip is a detached factor π_old/μ on the advantages, bounded above.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from trlib import checks

LEVELS: tuple[str, ...] = ("token", "sequence")
HOWS: tuple[str, ...] = ("truncate", "mask")


def truncated_importance(
    logp_old: Tensor,
    logp_rollout: Tensor,
    mask: Tensor,
    *,
    cap: float = 2.0,
    level: str = "token",
    how: str = "truncate",
) -> Tensor:
    """The factor on the advantages that corrects for the sampler.

    c = π_old/μ of the token, or with level="sequence" the product over the row's unmasked tokens
    how="truncate": min(c, cap)      how="mask": c where c <= cap, else 0

    Args:
        logp_old: [B, T] log π_old(y_t) recomputed by the learner, nats.
        logp_rollout: [B, T] log μ(y_t) as the sampler computed it.
        mask: [B, T] bool.
        cap: the largest factor, above 0.
        level: "token" | "sequence".
        how: "truncate" | "mask".

    Returns:
        [B, T], detached; 1 where masked.

    Raises:
        TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a cap that is not above 0.

    Source: truncated importance sampling, Ionides 2008; for a sampler that is not the learner Yao et al. 2025 ("Your
    efficient RL framework secretly brings you off-policy RL training") and Liu, Li et al. 2025 ("When speed kills
    stability"); the four variants are TRL's. In the book: :eq:`clipping-three`.
    Differs from: TRL and verl can bound the factor from below too (verl's masking, IcePop, always does), and verl first
    clamps the log-ratio, of the token or of the row, to ±20.
    """
    cap = checks.number("cap", cap, above=0)
    checks.choice("level", level, LEVELS)
    checks.choice("how", how, HOWS)
    old, rollout = checks.tokens(mask, logp_old=logp_old, logp_rollout=logp_rollout)
    log_ratio = (old - rollout).detach()
    if level == "sequence":
        log_ratio = log_ratio.sum(-1, keepdim=True).expand_as(log_ratio)
    factor = log_ratio.exp()
    factor = factor.clamp(max=cap) if how == "truncate" else factor.masked_fill(factor > cap, 0.0)
    return factor.masked_fill(~mask, 1.0)


@dataclass(frozen=True)
class Correction:
    """The settings of `truncated_importance`, as a method holds them."""

    cap: float = 2.0
    """The largest factor."""
    level: Literal["token", "sequence"] = "token"
    """Whose ratio it is: the token's, or the completion's."""
    how: Literal["truncate", "mask"] = "truncate"
    """What becomes of a larger one: the cap, or 0."""

    def __post_init__(self) -> None:
        checks.settle(self)
        checks.number("cap", self.cap, above=0)
        checks.choice("level", self.level, LEVELS)
        checks.choice("how", self.how, HOWS)

    def factor(self, logp_old: Tensor, logp_rollout: Tensor, mask: Tensor) -> Tensor:
        """[B, T]: what the advantages are multiplied by."""
        return truncated_importance(logp_old, logp_rollout, mask, cap=self.cap, level=self.level, how=self.how)
