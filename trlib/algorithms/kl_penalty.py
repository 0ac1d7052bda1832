"""PPO with a KL penalty instead of a clip, and the controllers that set its weight (arXiv 1707.06347, section 4)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

import torch

from trlib import checks
from trlib.algorithms.method import Anchor, Batch, Method, Needs, Scores, Step, TokenLoss, known
from trlib.algorithms.ppo import pg_is_loss

BETA = "beta"
"""The penalty's weight in the memory of a run."""


LEAST, MOST = 1e-6, 1e6
"""β stays between these: from 0 or inf no KL would bring it back."""


def adapt(beta: float, kl: float, target: float) -> float:
    """PPO's rule: half of β where KL < target / 1.5, twice β where KL > 1.5 target, else β; within 1e-6 and 1e6.

    Raises:
        TypeError, ValueError: a β below 0, a KL that is NaN, a target that is not above 0.
    """
    beta, kl, target = _controlled(beta, kl, target)
    return _bounded(beta / 2 if kl < target / 1.5 else beta * 2 if kl > 1.5 * target else beta)


def adapt_proportionally(beta: float, kl: float, target: float, share: float) -> float:
    """The rule of RLHF libraries: β (1 + clip(KL/target - 1, -.2, .2) share), `share` = completions / horizon; within
    1e-6 and 1e6.

    Raises:
        TypeError, ValueError: as `adapt`; a share below 0.
    """
    beta, kl, target = _controlled(beta, kl, target)
    share = checks.number("share", share, least=0, below=math.inf)
    return _bounded(beta * (1 + max(-0.2, min(0.2, kl / target - 1)) * share))


def _controlled(beta: float, kl: float, target: float) -> tuple[float, float, float]:
    return (checks.number("beta", beta, least=0, below=math.inf), checks.number("kl", kl),
            checks.number("target", target, above=0, below=math.inf))


def _bounded(beta: float) -> float:
    return max(LEAST, min(MOST, beta))


@dataclass(frozen=True, kw_only=True)
class PPOPenalty(Method):
    """L = -(r A - β KL(pi_old || pi)), the KL exact over the vocabulary, β adapted after every update."""

    beta: float = 1.0
    """The weight that a run begins with; from then on it stands in the run's memory."""
    target_kl: float = 0.01
    """The KL, nats a token, that β is adapted to, unless it is fixed."""
    controller: Literal["ppo", "proportional", "fixed"] = "ppo"
    """How β follows the KL that an update reached."""
    horizon: int = 10_000
    """Completions over which the proportional controller can change β by a fifth."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("beta", "target_kl", "horizon"):
            checks.number(name, getattr(self, name), above=0)
        checks.choice("controller", self.controller, ("ppo", "proportional", "fixed"))

    def needs(self, anchor: Anchor) -> Needs:
        return replace(super().needs(anchor), full=True, full_anchor=True)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        loss = pg_is_loss(scores.logp, batch.logp_anchor, advantages=batch.advantages, mask=batch.mask)
        beta = batch.memory.get(BETA, self.beta)
        divergence = self._kl(scores, batch)
        # The penalty reaches every token of the vocabulary; on the sampled token's own log-prob its slope is -β q(y).
        anchored = batch.logp_anchor.masked_fill(~batch.mask, 0.0).exp()
        weight = loss.diagnostics["weight"] + (beta * anchored).masked_fill(~batch.mask, 0.0)
        return TokenLoss(loss.per_token + beta * divergence,
                         {**loss.diagnostics, "weight": weight.detach(), "kl": divergence.detach()})

    def update(self, step: Step) -> None:
        step.descend(step.loss())
        if self.controller == "fixed" or not bool(step.batch.mask.any()):
            return
        with torch.no_grad():
            kl = float(self._kl(step.score(), step.batch)[step.batch.mask].mean())
        if math.isnan(kl):  # the next batch will say so
            return
        memory = step.batch.memory
        beta = memory.get(BETA, self.beta)
        memory[BETA] = adapt(beta, kl, self.target_kl) if self.controller == "ppo" else adapt_proportionally(
            beta, kl, self.target_kl, len(step.batch.mask) / self.horizon)

    def _kl(self, scores: Scores, batch: Batch) -> torch.Tensor:
        """[B, T] KL(anchor || pi), differentiable in pi, 0 where masked."""
        old = batch.full_anchor.masked_fill(~batch.mask.unsqueeze(-1), 0.0)
        new = known("full", scores.full).masked_fill(~batch.mask.unsqueeze(-1), 0.0)
        p = old.exp()
        return (p * torch.where(p > 0, old - new, 0.0)).sum(-1)
