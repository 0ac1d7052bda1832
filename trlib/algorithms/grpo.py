"""GRPO and its presets: PPO's clip with an advantage measured inside a group of completions of one
prompt.

GRPO (Shao et al. 2024, arXiv 2402.03300) replaces the critic with the group's mean reward and
divides by its standard deviation; a KL term to a frozen reference may be added. Dr.GRPO (arXiv
2503.20783) drops the two divisions that favour some prompts (by the standard deviation) and some
completions (by their length). DAPO (arXiv 2503.14476) widens the upper clip, counts every token of
the batch alike, leaves out groups that teach nothing and has a soft length limit."""

from dataclasses import dataclass, replace
from typing import get_args

import torch
from torch import Tensor

from trlib import checks
from trlib.advantages import equal_rewards
from trlib.algorithms.method import Anchor, Batch, Scores, TokenLoss, check_per_token
from trlib.algorithms.needs import Needs
from trlib.algorithms.ppo import PPO
from trlib.algorithms.reference import Estimator
from trlib.checks import SHARE


def add_reference_kl(
    loss: TokenLoss,
    logp: Tensor,
    logp_ref: Tensor,
    *,
    mask: Tensor,
    beta: float,
    estimator: Estimator = "k3",
) -> TokenLoss:
    """A loss with an estimate of the KL divergence to a reference added to every token; by default
    GRPO's, which is k3.

    k1: L - β d,               w - β            d = logp_ref - logp
    k2: L + β d² / 2,          w + β d
    k3: L + β (e^d - d - 1),   w + β (e^d - 1)

    On tokens of π, k1 and k3 are unbiased for KL(π || ref). The mean gradient of k1 is 0, that of
    k2 is the gradient of KL(π || ref), and that of k3 is the gradient of KL(ref || π). `kept` stays
    as the loss had it: a token that is clipped still has the gradient of the penalty.

    Args:
        loss: any method's loss on the same tokens.
        logp, logp_ref: [B, T] log π(y_t), nats, differentiable; the same under the reference.
        mask: [B, T] bool.
        beta: at least 0.
        estimator: "k1" | "k2" | "k3".
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    negative beta.
    Source: arXiv 2402.03300 eq. 4 (k3); Schulman, "Approximating KL divergence", 2020. In the
    book: :eq:`reference-penalty`.
    Differs from: TRL multiplies the term by the ratio, unless told not to. It is then unbiased for
    KL(π || ref) on stale tokens, and its gradient differs on fresh ones too."""
    beta = checks.number("beta", beta, least=0)
    checks.choice("estimator", estimator, get_args(Estimator))
    logp, logp_ref = checks.tokens(mask, logp=logp, logp_ref=logp_ref)
    check_per_token(loss, mask)
    d = logp_ref.detach() - logp
    if estimator == "k1":
        return loss.plus(-beta * d, -beta * mask.to(d))
    if estimator == "k2":
        return loss.plus(beta * d.square() / 2, beta * d)
    pull = torch.expm1(d)
    return loss.plus(beta * (pull - d), beta * pull)


@dataclass(frozen=True, kw_only=True)
class GRPO(PPO):
    """Group-relative policy optimisation: PPO's clip, the group's normalised reward, equal weight
    for completions."""

    advantage: str = "group-std"
    aggregation: str = "seq-mean-token-mean"
    beta: float = checks.setting(0.0, least=0)
    """Weight of the KL term to the run's first policy (`add_reference_kl`), part of `objective`.
    `reference=Reference(beta=..., place="loss", estimator="k3")` is the same loss where the loop
    adds it. GRPO's paper used .04; Dr.GRPO and DAPO have none."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta and self.reference is not None:
            raise ValueError(
                f"beta: expected 0 beside a reference, which has its own, got {self.beta}"
            )

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(reference=self.beta > 0)

    @property
    def formula(self) -> str | None:
        return super().formula if self.beta == 0 else None

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss = super().objective(scores, batch)
        if self.beta == 0:
            return loss
        return add_reference_kl(loss, scores.logp, batch.logp_ref, mask=batch.mask, beta=self.beta)


@dataclass(frozen=True, kw_only=True)
class DrGRPO(GRPO):
    """GRPO done right: no division by the standard deviation, and none by the completion's own
    length.
    Source: arXiv 2503.20783; read in the authors' code, `train_zero_math.py`, not in the paper."""

    advantage: str = "group-mean"
    aggregation: str = "seq-mean-token-sum-norm"


@dataclass(frozen=True, kw_only=True)
class DAPO(GRPO):
    """Clip-higher, a mean over all tokens, no groups with equal rewards, a soft length limit.

    The paper draws more prompts until the batch is full of groups that teach something; here the
    batch shrinks. The paper's mean is over the tokens of one group, inside the expectation; here it
    is over those of the batch, as in the released code.
    Source: arXiv 2503.14476 eq. 8, 13."""

    aggregation: str = "token-mean"
    eps_high: float = 0.28
    overlong_buffer: float = checks.setting(0.2, **SHARE)
    """The last share of the token limit, over which a penalty grows with the length from 0 to 1; 0:
    no penalty. The paper's 4,096 of 20,480 tokens is .2."""

    def prepare(self, batch: Batch) -> Batch:
        shaped = replace(
            batch, rewards=batch.rewards - overlong_penalty(batch, self.overlong_buffer)
        )
        teaches = ~equal_rewards(batch.rewards, batch.group)
        return replace(
            super().prepare(shaped), rewards=batch.rewards, mask=batch.mask & teaches.unsqueeze(-1)
        )


def overlong_penalty(batch: Batch, buffer: float) -> Tensor:
    """[B] the penalty: 0 for a completion that ends before the last `buffer` share of its token
    limit, 1 at the limit.

    Source: arXiv 2503.14476 eq. 13."""
    if buffer == 0:
        return torch.zeros_like(batch.rewards)
    lengths = (batch.mask | batch.forced).sum(-1).to(batch.rewards)
    return ((lengths - (1 - buffer) * batch.horizon) / (buffer * batch.horizon)).clamp(0, 1)
