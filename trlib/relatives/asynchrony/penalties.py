"""Distance from stale data, at a price: penalties added to r A, and completions fitted to a target.
What `Args:` and `Raises:` leave out is as in `ppo_loss`."""

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms.method import (
    Anchor,
    Batch,
    Method,
    TokenLoss,
    weigh,
)
from trlib.algorithms.ppo import PGIS, pg_is_loss
from trlib.checks import NOT_NEGATIVE, POSITIVE
from trlib.relatives.asynchrony.masks import covariance
from trlib.relatives.ratios import priced


def quadratic_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    eps: float,
    by_probability: bool = False,
) -> TokenLoss:
    """L = -r A + |A| m (r - 1)² / (2 ε),   w = r (A - |A| m (r - 1) / ε),
        m = 1, or μ(y_t) by_probability

    Outwards the gradient weight is 0 at |r - 1| = ε/m and then turns; it is PPO's window, or DPPO's |π - μ| <=
    ε, made smooth.
    Source: m = 1 is SPO, arXiv 2401.16025, read in the authors' code; CFPO, arXiv 2601.22801, takes
    it to language models, as its abstract says. m = μ is DRPO, arXiv 2606.09821, read in the authors'
    code.
    Differs from: DRPO's code clamps log r to ±20, and a token beyond has no gradient; here it
    has."""
    eps = checks.number("eps", eps, above=0)
    logp, old, a = checks.tokens(mask, logp=logp, logp_old=logp_old, advantages=advantages)
    old, a = old.detach(), a.detach()
    price = a.abs() / eps * (old.exp() if checks.flag("by_probability", by_probability) else 1.0)
    return priced(checks.capped(logp - old), a, price, mask)


@dataclass(frozen=True, kw_only=True)
class CFPO(Method):
    """No clip: a quadratic price that reverses the gradient at the edge of PPO's window."""

    token_loss = quadratic_loss
    advantage: str = "group-std"
    eps: float = checks.setting(0.2, above=0)
    """Where the gradient weight changes its sign: |r - 1|."""

    formula = "r*(A - abs(A)*(r - 1)/eps)"


@dataclass(frozen=True, kw_only=True)
class DRPO(Method):
    """The same price, times the token's probability: rare tokens are nearly free."""

    token_loss = partial(quadratic_loss, by_probability=True)
    advantage: str = "group-std"
    anchor: ClassVar[Anchor] = "rollout"
    eps: float = checks.setting(12.5, above=0)
    """Where the gradient weight changes its sign: |π - μ|, at most 1."""

    formula = "r*(A - abs(A)*q*(r - 1)/eps)"


def dro_loss(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, beta: float = 0.05
) -> TokenLoss:
    """L = -(A log π(y_t) - β/2 log² r),
        w = A - β log r: no ratio in the first term, and a pull that grows with distance.

    Also on tokens with A = 0. The sum's least value is at log r = A/β.
    Source: arXiv 2405.19107; read in the code of verl 0.9.1 and in Tinker's documents, not in the
    paper. verl requires a β; .05 is that of Tinker's example.
    Differs from: the paper also learns a value, which takes the place of A's baseline."""
    beta = checks.number("beta", beta, **NOT_NEGATIVE)
    new, log_ratio, a = checks.exact_log_ratios(mask, logp, advantages, logp_old=logp_old)
    return TokenLoss(
        beta / 2 * log_ratio.square() - a * new, weigh(log_ratio, mask, a - beta * log_ratio, mask)
    )


@dataclass(frozen=True, kw_only=True)
class DRO(Method):
    """The policy gradient without a ratio, and a quadratic price on each token's log-ratio."""

    token_loss = dro_loss
    beta: float = checks.setting(0.05, **NOT_NEGATIVE)
    """Price of log² r, for half of it."""

    formula = "A - beta*l"


def kl_cov_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    share: float = 2e-4,
    beta: float = 1.0,
) -> TokenLoss:
    """L = -r A + β |log r| 1[chosen],
        w = r A - β sign(log r) 1[chosen]: chosen is the share of all tokens, at least
    one, with the largest `covariance` of log-prob and advantage.
    Source: arXiv 2505.22617; read in the authors' code, as verl 0.9.1 has it."""
    share = checks.number("share", share, above=0, most=1)
    beta = checks.number("beta", beta, **NOT_NEGATIVE)
    loss = pg_is_loss(logp, logp_old, advantages=advantages, mask=mask)
    new, old = checks.tokens(mask, logp=logp, logp_old=logp_old)
    covariances = covariance(logp, advantages, mask).flatten()
    most = covariances.topk(max(int(share * int(mask.sum())), 1)).indices
    chosen = torch.zeros_like(mask).flatten().index_fill(0, most, True).view_as(mask) & mask
    log_ratio, price = new - old.detach(), beta * chosen
    return loss.plus(price * log_ratio.abs(), -price * log_ratio.sign())


@dataclass(frozen=True, kw_only=True)
class KLCov(PGIS):
    """r A, with a price on the few tokens at which log-prob and advantage vary together most."""

    token_loss = kl_cov_loss
    share: float = checks.setting(2e-4, above=0, most=1)
    """How many tokens pay, as a share of a minibatch's; at least one."""
    beta: float = checks.setting(1.0, **NOT_NEGATIVE)
    """What a nat of |log r| costs."""


def opmd_loss(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, tau: float = 0.01
) -> TokenLoss:
    """Of a completion, [B]: L = τ/2 (A/τ - l)² / T, l = Σ_t log r_t, T its tokens; 0
    at π ∝ π_old exp(R/τ) where the group's mean reward is τ log Z. A: the mean over the
    completion's tokens. `weight`: for the completions' sum.
    Source: Kimi k1.5, arXiv 2501.12599; read in the code of OpenKimi (arXiv 2602.05933), which calls
    it equation 3, not in the paper.
    Differs from: Trinity-RFT's loss of this name is -A log π / (1 + τ), without a square."""
    tau = checks.number("tau", tau, **POSITIVE)
    _, log_ratio, a = checks.exact_log_ratios(mask, logp, advantages, logp_old=logp_old)
    length = mask.sum(-1).clamp(min=1)
    gap = a.sum(-1) / length / tau - log_ratio.sum(-1)
    weight = (tau * gap / length).unsqueeze(-1)
    loss = tau / 2 * gap.square() / length
    return TokenLoss(loss, weigh(log_ratio, mask, weight, mask))


@dataclass(frozen=True, kw_only=True)
class OPMD(Method):
    """A completion's log-ratio is regressed on its centred reward, as in Kimi k1.5, on older
    policies' data."""

    token_loss = opmd_loss
    tau: float = checks.setting(0.01, **POSITIVE)
    """Reward that a nat of the completion's log-ratio stands for."""

    formula = "A/n - tau*log(s)"


def oapl_loss(
    logp: Tensor, logp_rollout: Tensor, *, advantages: Tensor, mask: Tensor, beta2: float = 1e-3
) -> TokenLoss:
    """Of a completion, [B]: L = (β₂ l - A)², l = Σ_t log π/μ; 0 at π ∝ μ exp(R/β₂)
    where A is the optimal advantage R - β₂ log E_μ exp(R/β₂). A: the mean over the completion's
    tokens. `weight`: for the completions' sum.
    Source: arXiv 2602.19362, eq. 3, as printed in public notes; the paper itself was not read. β is
    that of a public test of a port to NeMo-RL."""
    beta2 = checks.number("beta2", beta2, **POSITIVE)
    _, log_ratio, a = checks.exact_log_ratios(mask, logp, advantages, logp_rollout=logp_rollout)
    gap = a.sum(-1) / mask.sum(-1).clamp(min=1) - beta2 * log_ratio.sum(-1)
    weight = (2 * beta2 * gap).unsqueeze(-1)
    return TokenLoss(gap.square(), weigh(log_ratio, mask, weight, mask))


def optimal_advantages(
    rewards: Tensor, group: Tensor, *, beta: float = 1.0, present: Tensor | None = None
) -> Tensor:
    """[B]: R - V, V = β log mean exp(R/β) over a prompt's completions: the mean for a large β, the
    best for a small. `present` [B] bool: completions that have a token; the others are in no group,
    as for `quatro_loss`, and have the advantage 0. None: all.
    Source: arXiv 2602.19362, eq. 2, as `oapl_loss`; which completions count is derived here."""
    beta = checks.number("beta", beta, **POSITIVE)
    scaled = checks.floating("rewards", rewards, (None,), "B") / beta
    group = checks.integer("group", group, (len(rewards),), "B")
    if present is None:
        present = torch.ones_like(group, dtype=torch.bool)
    checks.boolean("present", present, (len(rewards),), "B")
    same = (group.unsqueeze(1) == group) & present
    value = (
        scaled.expand_as(same).masked_fill(~same, -math.inf).logsumexp(-1)
        - same.sum(-1).to(scaled).log()
    )
    return (beta * (scaled - value)).masked_fill(~present, 0.0)


@dataclass(frozen=True, kw_only=True)
class OAPL(Method):
    """A completion's log-ratio to the policy that sampled, however old, is regressed on its optimal
    advantage."""

    token_loss = oapl_loss
    anchor: ClassVar[Anchor] = "rollout"
    beta1: float = checks.setting(1.0, **POSITIVE)
    """Temperature, in units of reward, of the soft maximum that is a prompt's value."""
    beta2: float = checks.setting(1e-3, **POSITIVE)
    """Reward that a nat of the completion's log-ratio stands for."""

    def __post_init__(self) -> None:
        super().__post_init__()
        reason = "its advantages are each prompt's raw rewards, less their soft maximum"
        self.refuse("advantage", "shift", because=reason)

    def prepare(self, batch: Batch) -> Batch:
        present = batch.mask.any(-1)
        credit = optimal_advantages(batch.rewards, batch.group, beta=self.beta1, present=present)
        return replace(
            batch,
            advantages=self.corrected(credit.unsqueeze(-1).expand_as(batch.logp_rollout), batch),
        )

    formula = "2*beta2*(A - beta2*n*log(s))"


def tpo_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    rewards: Tensor,
    group: Tensor,
    mask: Tensor,
    eta: float = 1.0,
) -> TokenLoss:
    """The mean over prompts of L = -Σ_i q_i log p_i, over a prompt's completions,
        p = softmax log π(y_i),   q ∝ p_old e^(u/η)

    u: rewards less the group's mean, over their standard deviation (divisor G). The `weight` of
    every token is (q_i - p_i) / prompts: 0 at the target. A completion that is wholly
    masked is in no group, as for `quatro_loss`: the sum over no tokens, 0, would be probability 1.
    Source: arXiv 2604.06159, eq. 1-3: read in the paper and in the authors' code."""
    eta = checks.number("eta", eta, **POSITIVE)
    new, old = checks.tokens(mask, logp=logp, logp_old=logp_old)
    group = checks.integer("group", group, (len(new),), "B")
    rewards = checks.floating("rewards", rewards, (len(new),), "B")
    present = mask.any(-1)
    names, prompt = group[present].unique(return_inverse=True)
    same, r = prompt.unsqueeze(1) == prompt, rewards[present].to(new)
    u = r - (same * r).sum(-1) / same.sum(-1)
    spread = ((same * u.square()).sum(-1) / same.sum(-1)).sqrt()
    u = torch.where(spread > 1e-6, u / spread.clamp(min=1e-6), u)

    def of_group(score: Tensor) -> Tensor:
        return score - score.expand_as(same).masked_fill(~same, -math.inf).logsumexp(-1)

    before, now = (logp.sum(-1)[present] for logp in (old.detach(), new))
    q, log_p = of_group(of_group(before) + u / eta).exp(), of_group(now)
    prompts = max(1, len(names))
    weight = new.new_zeros(len(new)).masked_scatter(present, (q - log_p.detach().exp()) / prompts)
    return TokenLoss(
        -(q * log_p).sum() / prompts, weigh(new - old, mask, weight.unsqueeze(-1), mask)
    )


@dataclass(frozen=True, kw_only=True)
class TPO(Method):
    """The probabilities of a prompt's completions, among themselves, are fitted to a target tilted
    by their rewards."""

    token_loss = tpo_loss
    compares: ClassVar[bool] = True
    eta: float = checks.setting(1.0, **POSITIVE)
    """Standard deviations of reward that a nat is worth."""

    def __post_init__(self) -> None:
        super().__post_init__()
        reason = "it standardises each prompt's rewards within the group"
        self.refuse("advantage", "shift", because=reason)


RELATIVES: dict[str, Any] = {
    "drpo": DRPO,
    "cfpo": CFPO,
    "dro": DRO,
    "kl_cov": KLCov,
    "opmd": OPMD,
    "oapl": OAPL,
    "tpo": TPO,
}
