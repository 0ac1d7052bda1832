"""TRAPO: learn from an expert and from oneself in one step (arXiv 2512.17636).

Two descriptions that need no model. TrSFT, the loss on an expert's tokens: supervised fine-tuning pushes every token
with weight 1, however unlikely the policy finds it; TrSFT fades the push below a probability α, so that a token the
policy cannot yet say does not drown what it already knows. And the micro-groups: which of a prompt's completions begin
with a part of the expert's answer, given how the earlier ones fared.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import Stage, TokenLoss

MICRO_GROUPS: tuple[Stage, ...] = (
    Stage(4), Stage(2, prefix=0.25, below=2), Stage(1, prefix=0.5, below=4), Stage(1, prefix=1.0, below=7))
"""Eight completions of a prompt: four free ones, then longer and longer prefixes of the expert's answer while the sum
of the 0/1 rewards so far is below 2 of 4, 4 of 6, 7 of 7. A full prefix leaves no completion: pure TrSFT."""


def trsft_loss(logp: Tensor, *, mask: Tensor, alpha: float = 0.1) -> TokenLoss:
    """Trust-region supervised fine-tuning on an expert's tokens.

    L = -p / sg[max(p, α)],   w = min(1, p/α),   p = π(y_t)

    The same gradient as descending -φ(p) with φ(p) = log p for p >= α and p/α - 1 + log α below: SFT whose factor 1/p
    on dp is capped at 1/α. There is no second policy, so no ratio, and no token is silenced: `kept` is the mask.

    Args:
        logp: [B, T] log π of the expert's tokens, nats, differentiable.
        mask: [B, T] bool: the expert's tokens.
        alpha: α in (0, 1], a probability. Towards 0 the gradient is that of SFT.

    Raises:
        TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a meaningless alpha.

    Source: arXiv 2512.17636 and the authors' code: α .1.
    """
    floor = math.log(checks.number("alpha", alpha, above=0, most=1))
    (logp,) = checks.tokens(mask, logp=logp)
    loss = -(logp - logp.detach().clamp(min=floor)).exp()
    weight = (logp.detach() - floor).clamp(max=0.0).exp()
    return TokenLoss(loss.masked_fill(~mask, 0.0), {"kept": mask.clone(), "weight": weight.masked_fill(~mask, 0.0)})


def truncated_expert(expert: Tensor, *, alpha: float = 0.1) -> Tensor:
    """What TrSFT converges to when the expert's tokens come from a distribution: the expert without its tail.

    argmax_p Σ_v e_v φ(p_v).   In falling order of e, S the cumulative sums: keep the largest k with e_k >= α S_k.
    If e_{k+1} <= α S_k:  p_v = e_v / S_k for the kept.   Else p_v = α e_v / e_{k+1}, and token k+1 takes what is left,
    less than α (the first of several that are equally likely).

    Args:
        expert: [..., V] probabilities (not logarithms) that sum to 1.
        alpha: α in (0, 1].

    Returns:
        [..., V] probabilities, float32 or wider.

    Raises:
        TypeError, ValueError: a wrong type; not probabilities; a meaningless alpha.

    Source: derived here from the loss of arXiv 2512.17636. SFT's optimum is the expert itself.
    """
    checks.number("alpha", alpha, above=0, most=1)
    checks.floating("expert", expert)
    if not expert.dim():
        raise ValueError("expert: expected [..., V], got []")
    if checks.values_checked() and bool((expert < 0).any()):
        raise ValueError(f"expert: expected probabilities, got {expert.min().item()}")
    checks.log_probabilities("expert (its logarithm)", expert.log())
    e, order = expert.to(checks.wide(expert)).sort(dim=-1, descending=True, stable=True)
    total = e.cumsum(-1)
    kept = e >= alpha * total
    k = kept.sum(-1, keepdim=True)
    mass = total.gather(-1, k - 1)
    following = torch.nn.functional.pad(e, (0, 1)).gather(-1, k)
    scale = torch.where(following > alpha * mass, alpha / following, 1 / mass)
    p = (e * scale).masked_fill(~kept, 0.0)
    p = torch.nn.functional.pad(p, (0, 1)).scatter_add(-1, k, (1 - mass * scale).clamp(min=0.0))[..., :-1]
    return torch.zeros_like(p).scatter(-1, order, p)
