"""CISPO: clip the importance weight, not the update (MiniMax 2025, arXiv 2506.13585).

PPO's clip drops a token from the gradient; CISPO bounds its weight there and drops no token. The
rare tokens that a ratio clip stops first (openers such as "wait") keep their gradient."""

from dataclasses import dataclass

from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Method, TokenLoss, weigh
from trlib.algorithms.ppo import check_window
from trlib.checks import SHARE
from trlib.other_names import names_its_arguments


@names_its_arguments
def cispo_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    eps_low: float | None = 0.2,
    eps_high: float = 0.2,
) -> TokenLoss:
    """REINFORCE with a clipped, detached importance weight.

    L = -sg[clip(r, 1-ε_low, 1+ε_high)] A log π(y_t),   w = clip(r) A,
        never 0 unless A or the lower bound is

    Diagnostics besides the usual: `clipped`, the tokens whose weight a bound has changed; `kept` is
    True for them too.

    Args:
        logp, logp_old: [B, T] log π(y_t), nats, differentiable; the same under the anchor.
        advantages, mask: [B, T], float and bool.
        eps_low: the weight's window below 1, in [0, 1]; None: no lower bound.
        eps_high: the weight's window above 1, at least 0.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    meaningless threshold.
    Source: arXiv 2506.13585 eq. 4-5; the paper tuned only the upper bound.
    Differs from: verl clamps both sides; TRL only above, and its
    epsilon is the cap itself, not its distance from 1."""
    low, high = check_window(1.0 if eps_low is None else eps_low, eps_high)
    logp, log_ratio, advantages = checks.log_ratios(mask, logp, advantages, logp_old=logp_old)
    log_ratio = log_ratio.detach()
    ratio = log_ratio.exp()
    bounded = ratio.clamp(1 - low, 1 + high)
    weight = bounded * advantages
    return TokenLoss(
        -weight * logp, weigh(log_ratio, mask, weight, mask, clipped=(bounded != ratio) & mask)
    )


@dataclass(frozen=True, kw_only=True)
class CISPO(Method):
    """Clipped importance weights on the policy gradient: every token teaches, none with a large
    weight."""

    token_loss = cispo_loss
    advantage: str = "group-std"
    eps_low: float | None = checks.setting(0.2, **SHARE)
    """The weight's window below 1; None: no lower bound."""
    eps_high: float = checks.setting(0.2, least=0)
    """The weight's window above 1."""

    @property
    def formula(self) -> str:
        if self.eps_low is None:
            return "A*min(r, 1 + eps_high)"
        return "A*clip(r, 1 - eps_low, 1 + eps_high)"
