"""PPO with a KL penalty instead of a clip, and the controllers that set its weight (arXiv
1707.06347, section 4)."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from trlib import checks
from trlib.algorithms.method import Anchor, Batch, Scores, Step, TokenLoss
from trlib.algorithms.needs import Needs
from trlib.algorithms.ppo import PGIS
from trlib.checks import NOT_NEGATIVE, POSITIVE

BETA = "beta"  #: The penalty's weight in the memory of a run.
LEAST, MOST = 1e-6, 1e6  #: β stays between these: from 0 or inf no KL would bring it back.


def adapt(beta: float, kl: float, target: float) -> float:
    """PPO's rule: halve β where KL < target / 1.5, double it where KL > 1.5 target, else keep it;
    1e-6 <= β <= 1e6.
    Raises TypeError, ValueError: a β below 0, a KL that is NaN, a target that is not above 0.
    Source: arXiv 1707.06347 section 4. In the book: :eq:`ppo-adapt`."""
    beta, kl, target = _controlled(beta, kl, target)
    moved = beta / 2 if kl < target / 1.5 else beta * 2 if kl > 1.5 * target else beta
    return max(LEAST, min(MOST, moved))


def adapt_proportionally(beta: float, kl: float, target: float, share: float) -> float:
    """The rule of RLHF libraries: β (1 + clip(KL/target - 1, -.2, .2) share), with `share` =
    completions / horizon and 1e-6 <= β <= 1e6.
    Raises TypeError, ValueError: as `adapt`; a share below 0.
    Source: arXiv 1909.08593 section 2.2. In the book: :eq:`ppo-proportional`."""
    beta, kl, target = _controlled(beta, kl, target)
    share = checks.number("share", share, **NOT_NEGATIVE)
    moved = beta * (1 + max(-0.2, min(0.2, kl / target - 1)) * share)
    return max(LEAST, min(MOST, moved))


def dual_ascent(lam: float, value: float, target: float, lr: float) -> float:
    """λ after a step of dual ascent, max(0, λ + lr (value - target)): it grows while a bound is
    broken; 0: no price.

    Unlike `adapt` it knows by how much the bound is broken, and comes to rest where it is met.
    Source: standard."""
    return max(0.0, lam + lr * (value - target))


def follow(settings: Any, beta: float, kl: float, completions: int) -> float:
    """β after a batch of so many completions has reached this KL: by `adapt`, by
    `adapt_proportionally`, or the same, as `controller`, `target_kl` and `horizon` of the settings
    say."""
    if settings.controller == "ppo":
        return adapt(beta, kl, settings.target_kl)
    if settings.controller == "proportional":
        share = completions / settings.horizon
        return adapt_proportionally(beta, kl, settings.target_kl, share)
    return beta


def _controlled(beta: float, kl: float, target: float) -> tuple[float, float, float]:
    target = checks.number("target", target, **POSITIVE)
    return checks.number("beta", beta, **NOT_NEGATIVE), checks.number("kl", kl), target


def add_penalty(
    loss: TokenLoss,
    logp: Tensor,
    logp_old: Tensor,
    divergence: Tensor,
    *,
    mask: Tensor,
    beta: float,
) -> TokenLoss:
    """A loss with KL(q || π) over the whole vocabulary added to every token, q the anchor.

    L + β KL(q || π),   w + β (q_y - π_y) / (1 - π_y)

    A policy can only move on the simplex: w = -dL/dlog π(y_t) as the probability of y_t moves and
    all others keep their proportions, as for TROLL. Then d log π_v / d log π_y = -π_y / (1 - π_y)
    for every other v, and -d KL(q || π) / d log π_y = q_y - (1 - q_y) π_y / (1 - π_y) = (q_y - π_y)
    / (1 - π_y): 0 where the two agree on y, and with the sign that brings them together. Along the
    logit of y it is (1 - π_y) w. Derived here.

    Args:
        loss: any method's loss on the same tokens.
        logp, logp_old: [B, T] log π(y_t) and log q(y_t), nats.
        divergence: [B, T] KL(q || π) of each token's distribution, nats, differentiable in π.
        mask: [B, T] bool.
        beta: β, at least 0.

    Diagnostics besides the loss's own: `kl`, the divergence.
    Raises TypeError, ValueError: a wrong type or shape; NaN or inf where the mask is True; a
    negative beta.
    Source: arXiv 1707.06347 eq. 8; the weight: derived here. In the book: :eq:`ppo-penalty`."""
    beta = checks.number("beta", beta, **NOT_NEGATIVE)
    p, q, kl = (
        x.detach() for x in checks.tokens(mask, logp=logp, logp_old=logp_old, divergence=divergence)
    )
    p, q = p.exp(), q.exp()
    others = (1 - p).clamp(min=torch.finfo(p.dtype).eps)
    pull = (beta * (q - p) / others).masked_fill(~mask, 0.0)
    return loss.plus(beta * divergence, pull, kl=kl)


def token_kl(log_a: Tensor, log_b: Tensor, *, mask: Tensor) -> Tensor:
    """[B, T] KL(a || b) of log-probs [B, T, V], nats, 0 where masked; differentiable in both, once."""
    return _TokenKL.apply(log_a, log_b, mask)


class _TokenKL(torch.autograd.Function):
    """`token_kl`, which keeps nothing but its arguments: two tensors [B, T, V] at a time, where
    autograd's own would be five."""

    @staticmethod
    def forward(log_a: Tensor, log_b: Tensor, mask: Tensor) -> Tensor:
        p, log_ratio = _terms(log_a, log_b, mask)
        return log_ratio.mul_(p).sum(-1)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, slope: Tensor) -> tuple[Tensor | None, ...]:
        """a log(a/b) + a and -a."""
        p, log_ratio = _terms(*ctx.saved_tensors)
        slope = slope.unsqueeze(-1)
        in_a = log_ratio.mul_(slope).mul_(p)
        return in_a.add_(p.mul_(slope)), p.neg_(), None


def _terms(log_a: Tensor, log_b: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """a and log a/b of every outcome; both are 0 where masked, and the second where a is."""
    log_ratio = log_a - log_b
    p = log_a.exp().to(log_ratio).masked_fill_(~mask.unsqueeze(-1), 0.0)
    return p, log_ratio.masked_fill_(p == 0, 0.0)


@dataclass(frozen=True, kw_only=True)
class WithWholeKL(PGIS):
    """r A, with a KL over the whole vocabulary between the anchor and the policy."""

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(full=True, full_anchor=True)


@dataclass(frozen=True, kw_only=True)
class PPOPenalty(WithWholeKL):
    """L = -(r A - β KL(pi_old || pi)), with the KL exact over the vocabulary and β adapted once a
    batch, by the KL that the whole batch has reached after its last update.

    Source: arXiv 1707.06347 eq. 8; the paper's policy update is all epochs on a batch."""

    version = 2  # version 1 adapted β after every minibatch, as adapt_after="minibatch" still does

    beta: float = checks.setting(1.0, above=0)
    """The weight that a run begins with; from then on it is kept in the run's memory."""
    target_kl: float = checks.setting(0.01, above=0)
    """The KL, in nats per token, that β is adapted to reach, unless β is fixed."""
    controller: Literal["ppo", "proportional", "fixed"] = checks.setting("ppo")
    """How β follows the KL that an update reached."""
    horizon: int = checks.setting(10_000, least=1)
    """Completions over which the proportional controller can change β by a fifth."""
    adapt_after: Literal["batch", "minibatch"] = checks.setting("batch")
    """When β is adapted: once a batch, or after every minibatch of every epoch, by its own KL.
    Differs from: no paper has the second. With 32 updates per batch it doubles or halves β up to 32
    times within the batch; it is here for the runs that were recorded with it."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss = super().objective(scores, batch)
        beta = batch.memory.get(BETA, self.beta)
        return add_penalty(
            loss,
            scores.logp,
            batch.logp_anchor,
            self._kl(scores, batch),
            mask=batch.mask,
            beta=beta,
        )

    def update(self, step: Step) -> None:
        for part in step.minibatches():
            part.descend(part.loss())
            if self.adapt_after == "minibatch":
                self._adapt(part)
        if self.adapt_after == "batch":
            self._adapt(step)

    def _adapt(self, step: Step) -> None:
        """Move β by the KL that a batch, or a minibatch of it, has reached."""
        mask, memory = step.batch.mask, step.batch.memory
        if self.controller == "fixed" or not bool(mask.any()):
            return
        with torch.no_grad():
            kl = float(self._kl(step.score(), step.batch)[mask].mean())
        if math.isnan(kl):  # the next batch will say so
            return
        beta = memory.get(BETA, self.beta)
        memory[BETA] = follow(self, beta, kl, len(mask))

    def _kl(self, scores: Scores, batch: Batch) -> Tensor:
        return token_kl(batch.full_anchor, scores.full, mask=batch.mask)
