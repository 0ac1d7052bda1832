"""PPO-clip and the plain importance-weighted policy gradient it restrains.

PPO (Schulman et al. 2017, arXiv 1707.06347, eq. 7) stops a token's gradient once its ratio has left
the window *and* the update would take it further out. Dual clip (Ye et al. 2020, arXiv 1912.09729)
also bounds the loss of a token with a negative advantage whose ratio explodes."""

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms import lines
from trlib.algorithms.method import Method, TokenLoss, unclipped, weigh
from trlib.checks import SHARE
from trlib.other_names import names_its_arguments


@names_its_arguments
def pg_is_loss(logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor) -> TokenLoss:
    """Importance-weighted policy gradient, without a trust region.

    L = -r A,   w = r A,   r = exp(logp - logp_old), at most e^20

    Args:
        logp, logp_old: [B, T] log pi(y_t), nats, differentiable; the same under the anchor.
        advantages, mask: [B, T], float and bool.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True.
    Source: the surrogate of TRPO (arXiv 1502.05477, eq. 3) without its constraint. In the book:
    :eq:`regions-surrogate`."""
    logp, log_ratio, advantages = checks.log_ratios(mask, logp, advantages, logp_old=logp_old)
    surrogate = log_ratio.exp() * advantages
    return TokenLoss(-surrogate, weigh(log_ratio, mask, surrogate, mask))


@names_its_arguments
def ppo_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    eps_low: float | Tensor = 0.2,
    eps_high: float | Tensor = 0.2,
    dual_clip: float | None = None,
) -> TokenLoss:
    """PPO's clipped surrogate, with an optional dual clip.

    L = -min(r A, clip(r, 1-ε_low, 1+ε_high) A);   for A < 0 with a dual clip c: L = min(L, -c A)
    w = r A, but 0 where A > 0 and r > 1+ε_high, and where A < 0 and r < 1-ε_low or r > c

    Args:
        logp, logp_old: [B, T] log pi(y_t), nats, differentiable; the same under the anchor.
        advantages, mask: [B, T], float and bool.
        eps_low: the ratio's window below 1, in [0, 1]; one number, or [B, T] with a window for each
            token.
        eps_high: the ratio's window above 1, at least 0; likewise.
        dual_clip: c above 1; None: off.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    meaningless threshold.
    Source: arXiv 1707.06347 eq. 7; dual clip: arXiv 1912.09729 eq. 5. In the
    book: :eq:`ppo-clip`, :eq:`ppo-weight`,
    :eq:`ppo-pessimism`, :eq:`ppo-dual`.
    Differs from: verl clamps the log-ratio to ±20, so that a token beyond has no gradient; here the
    ratio ends there, and its gradient does not. verl has dual clip on (c = 3) by default; here it is
    off. TRL's `delta` caps the ratio on both signs of A: above 1+ε_high it is a dual clip."""
    if dual_clip is not None:
        dual_clip = checks.number("dual_clip", dual_clip, above=1)
    logp, log_ratio, advantages = checks.log_ratios(mask, logp, advantages, logp_old=logp_old)
    low, high = _widths(eps_low, eps_high, mask)
    ratio = log_ratio.exp()
    per_token = -torch.minimum(ratio * advantages, ratio.clamp(1 - low, 1 + high) * advantages)
    kept = unclipped(ratio, advantages, 1 - low, 1 + high)
    if dual_clip is not None:
        most = torch.where(advantages < 0, -dual_clip * advantages, math.inf)
        per_token = torch.minimum(per_token, most)
        kept = kept & ((advantages >= 0) | (ratio <= dual_clip))
    weight = (ratio * advantages).where(kept, 0.0)
    return TokenLoss(per_token, weigh(log_ratio, kept, weight, mask))


def check_window(eps_low: float, eps_high: float) -> tuple[float, float]:
    """The thresholds of a clipped ratio, checked: raises TypeError or ValueError where one is
    meaningless."""
    eps_low = checks.number("eps_low", eps_low, **SHARE)
    eps_high = checks.number("eps_high", eps_high, least=0)
    check_widths(eps_low, eps_high)
    return eps_low, eps_high


def check_widths(eps_low: float | Tensor | None, eps_high: float | Tensor) -> None:
    """Refuse what looks like a window's bounds, .8 and 1.2, given for its widths, .2 and .2."""
    if not isinstance(eps_low, float | int) or not isinstance(eps_high, float | int):
        return
    if 0.5 <= eps_low < 1 < eps_high < 2:
        raise ValueError(
            f"eps_low, eps_high: expected the window's widths below and above 1, got {eps_low:g} "
            f"and {eps_high:g}, which look like its bounds: those are eps_low="
            f"{round(1 - eps_low, 12):g}, eps_high={round(eps_high - 1, 12):g}"
        )


def _widths(eps_low: float | Tensor, eps_high: float | Tensor, mask: Tensor) -> tuple[Any, Any]:
    """Both thresholds, checked: two numbers, or [B, T] each."""
    low, high = _width("eps_low", eps_low, mask, most=1), _width("eps_high", eps_high, mask)
    check_widths(low, high)
    if isinstance(low, Tensor) and not isinstance(high, Tensor):
        return low, torch.full_like(low, high)
    if isinstance(high, Tensor) and not isinstance(low, Tensor):
        return torch.full_like(high, low), high
    return low, high


def _width(
    name: str, value: float | Tensor, mask: Tensor, most: float | None = None
) -> float | Tensor:
    """A threshold, or [B, T] of them, checked."""
    if not isinstance(value, Tensor):
        return checks.number(name, value, least=0, most=most)
    (width,) = checks.tokens(mask, **{name: value.detach()})
    if checks.values_checked():
        checks.number(name, float(width.min()), least=0)
        checks.number(name, float(width.max()), most=most)
    return width


@dataclass(frozen=True, kw_only=True)
class PGIS(Method):
    """Policy gradient with importance weights and no trust region: what every other method
    restrains."""

    token_loss = pg_is_loss
    formula = "A*r"


@dataclass(frozen=True, kw_only=True)
class PPO(Method):
    """PPO-clip with one advantage per completion (PPO with a critic is a method of its own)."""

    token_loss = ppo_loss

    eps_low: float = checks.setting(0.2, **SHARE)
    """The ratio's window below 1."""
    eps_high: float = checks.setting(0.2, least=0)
    """The ratio's window above 1; DAPO's clip-higher uses .28."""
    dual_clip: float | None = checks.setting(None, above=1)
    """Bound on the ratio of a token with A < 0; None: off."""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_widths(self.eps_low, self.eps_high)

    @property
    def formula(self) -> str | None:
        return f"A*r*{lines.clip()}" + ("*(A > 0 or r <= dual_clip)" if self.dual_clip else "")
