"""Preferences: which of two completions is better, with a reference or an anchor to stay near.

The verifier is the judge: a pair is a better and a worse completion of one prompt. Where rewards
are equal within every group, loss and gradient are 0 (the loop says so once), except for TRPA and
ADPO, whose target then asks for equal log-ratios.
Every run is online: DPO inside the loop.

A completion that is wholly masked has no log-ratio to compare, so it is in no pair and in no
group."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from trlib import checks
from trlib.algorithms.method import Anchor, Batch, Method, Scores, TokenLoss
from trlib.algorithms.needs import Needs
from trlib.algorithms.reference import Reference
from trlib.checks import NOT_NEGATIVE, POSITIVE, SHARE

LEVELS = {
    "right": 1,
    "good": 1,
    "wrong answer": 2,
    "bad arithmetic": 2,
    "bad format": 3,
    "no end": 4,
}
"""TRPA's levels for a verifier's reasons; any other reason has level 2."""


def _log_ratio(mask: Tensor, **named: Tensor) -> Tensor:
    """[B, T] the difference of two log-probs, 0 where masked."""
    logp, other = checks.tokens(mask, **named)
    return logp - other.detach()


def _pairs(rank: Tensor, batch: Batch) -> tuple[Tensor, ...]:
    """Rows (i, j) of one prompt that both have a token, with i ranked above j."""
    present = batch.mask.any(-1)
    both = (batch.group.unsqueeze(1) == batch.group) & present & present.unsqueeze(1)
    return (both & (rank.unsqueeze(1) > rank)).nonzero().unbind(1)


@dataclass(frozen=True, kw_only=True)
class DPO(Method):
    """Direct preference optimisation: -log σ(β(l_better - l_worse)), l = Σ_t log(π/π_ref).

    Source: arXiv 2305.18290; read in the authors' code, `trainers.py`."""

    beta: float = checks.setting(0.1, **POSITIVE)
    """Log-odds of a preference per nat of log-ratio."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse("advantage", "shift", because="it compares rewards")
        self.refuse("correction", because="whole completions are compared")

    def needs(self, anchor: Anchor) -> Needs:
        return Needs(reference=True)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        total = _log_ratio(batch.mask, logp=scores.logp, logp_ref=batch.logp_ref).sum(-1)
        better, worse = _pairs(batch.rewards, batch)
        judged = -logsigmoid(self.beta * (total[better] - total[worse]))
        return TokenLoss(judged.sum() / max(1, len(judged)))


@dataclass(frozen=True, kw_only=True)
class TRDPO(DPO):
    """DPO whose reference follows the policy. Source: arXiv 2404.09656; read in the authors' code.

    Differs from: TRL counts updates between two moves; here batches are counted."""

    share: float = checks.setting(0.6, **SHARE)
    """How far a move takes the reference towards the policy: 1 copies it, 0 is DPO."""
    every: int = checks.setting(4, least=1)
    """Batches between two moves."""

    @property
    def kept_near(self) -> Reference:
        near = self.reference or Reference(beta=0.0)
        return replace(near, every=self.every, share=self.share)


@dataclass(frozen=True, kw_only=True)
class ADPO(Method):
    """-Σ_i q_i log softmax(l/τ)_i of a group, l = Σ_t log(π/π_old): smallest at π ∝ π_old q^τ.

    Source: arXiv 2510.18913; read in the code of an implementation that cites it, not in the paper.
    Differs from: one implementation adapts τ to the entropy, and can add k3 to the anchor."""

    advantage: str = "group-std"
    beta: float = checks.setting(0.5, **POSITIVE)
    """Temperature of q, the Boltzmann distribution of the advantages. The optimum's tilt is τ/β."""
    tau: float = checks.setting(0.8, **POSITIVE)
    """Temperature of the log-ratios. It multiplies the tilt: a larger one goes further."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.refuse("correction", because="whole completions are compared")

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        total = _log_ratio(batch.mask, logp=scores.logp, logp_old=batch.logp_anchor).sum(-1)
        present = batch.mask.any(-1)
        group = batch.group[present]
        both = torch.stack([batch.advantages[:, 0] / self.beta, total / self.tau])[:, present]
        others = group.unsqueeze(1) != group
        log_q, log_p = both - both.unsqueeze(1).masked_fill(others, -math.inf).logsumexp(2)
        return TokenLoss(-(log_q.exp() * log_p).sum() / max(1, len(group.unique())))


@dataclass(frozen=True, kw_only=True)
class TRPA(DPO):
    """Mean of -log σ(β a (l_better - l_worse)) over pairs of levels + kl · mean k3(π, π_old), l the
    mean log(π/π_ref) of a token. Levels: the order of the rewards, then of the reasons. a:
    anisotropy where the better one is right (has a reward above 0, if there are no reasons).
    Without pairs -log σ(±l), + where right.
    Source: arXiv 2504.04524; read in the authors' code."""

    anisotropy: float = checks.setting(2.5, **POSITIVE)
    """How many times more a pair counts if its better completion is right."""
    kl: float = checks.setting(1e-3, **NOT_NEGATIVE)
    """Coefficient of k3, whose gradient is 0 in a batch's first update."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        mean = _log_ratio(batch.mask, logp=scores.logp, logp_ref=batch.logp_ref).sum(
            -1
        ) / batch.lengths.clamp(min=1)
        level = torch.tensor(
            [LEVELS.get(reason, 2) for reason in batch.reasons or "?" * len(mean)]
        ).to(batch.rewards)
        right = level == 1 if batch.reasons else batch.rewards > 0
        rank = torch.stack([batch.rewards, -level]).unique(dim=1, return_inverse=True)[1]
        better, worse = _pairs(rank, batch)
        margin = (
            self.beta
            * torch.where(right[better], self.anisotropy, 1.0)
            * (mean[better] - mean[worse])
        )
        logps = {"logp": scores.logp, "logp_old": batch.logp_anchor}
        back = -checks.capped(_log_ratio(batch.mask, **logps))
        k3 = (back.expm1() - back).clamp(max=10).sum() / batch.mask.sum().clamp(min=1)
        alone = torch.where(right, mean, -mean)[batch.mask.any(-1)]
        judged = -logsigmoid(margin if len(better) else alone)
        return TokenLoss(judged.sum() / max(1, len(judged)) + self.kl * k3)


RELATIVES = {"dpo": DPO, "tr_dpo": TRDPO, "adpo": ADPO, "trpa": TRPA}
