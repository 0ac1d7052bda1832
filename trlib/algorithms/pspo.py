"""PSPO: smooth towards the old policy instead of clipping against it (arXiv 2509.21282).

The policy that the surrogate sees is the mixture π~ = (1-α) π + α π_old, which contracts total
variation: TV(π~, π_old) = (1-α) TV(π, π_old). Per token that is the ratio (1-α) r + α, without any
clip."""

from dataclasses import dataclass

from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Method, TokenLoss, weigh
from trlib.other_names import names_its_arguments


@names_its_arguments
def pspo_loss(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, alpha: float = 0.1
) -> TokenLoss:
    """Probability smoothing policy optimisation.

    L = -((1-α) r + α) A,   w = (1-α) r A

    The gradient is (1-α) times that of the unclipped surrogate, on every token alike: under an
    optimiser that normalises the gradient's scale (Adam) the update is nearly the same.

    Args:
        logp, logp_old: [B, T] log π(y_t), nats, differentiable; the same under the anchor.
        advantages, mask: [B, T], float and bool.
        alpha: weight of the old policy in the mixture, in [0, 1).
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; an alpha
    outside [0, 1).
    Source: ours, from the mixture that the abstract and summaries of arXiv 2509.21282 describe."""
    alpha = checks.number("alpha", alpha, least=0, below=1)
    logp, log_ratio, advantages = checks.log_ratios(mask, logp, advantages, logp_old=logp_old)
    ratio = log_ratio.exp()
    smoothed = (1 - alpha) * ratio + alpha
    return TokenLoss(
        -smoothed * advantages, weigh(log_ratio, mask, (1 - alpha) * ratio * advantages, mask)
    )


@dataclass(frozen=True, kw_only=True)
class PSPO(Method):
    """GR-PSPO: the smoothed ratio with GRPO's group advantage."""

    token_loss = pspo_loss
    advantage: str = "group-std"
    aggregation: str = "seq-mean-token-mean"
    alpha: float = checks.setting(0.1, least=0, below=1)
    """Weight of the old policy in the mixture."""

    formula = "(1 - alpha)*A*r"
