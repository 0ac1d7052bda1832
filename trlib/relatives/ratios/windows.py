"""A clip with another window than a fixed one: it adapts, follows a divergence, or is of whole turns.
What `Args:` and `Raises:` leave out is as in `ppo_loss`."""

import math
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from trlib import checks
from trlib.algorithms import lines
from trlib.algorithms.gspo import gspo_loss
from trlib.algorithms.method import (
    Batch,
    Method,
    Scores,
    TokenLoss,
)
from trlib.algorithms.ppo import pg_is_loss, ppo_loss
from trlib.checks import NOT_NEGATIVE, POSITIVE, SHARE
from trlib.divergences import binary_kl
from trlib.relatives.ratios.weights import without


def trefree_loss(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, delta: float = 0.1
) -> TokenLoss:
    """PPO's clip with ε = δ/|A| for each token, so that |A| |r-1| <= δ: a token that matters much
    has a narrow window.

    Source: ours, from the abstract of arXiv 2302.07985, which bounds the largest advantage-weighted
    ratio. That a clip keeps the bound is derived here."""
    delta = checks.number("delta", delta, **POSITIVE)
    (a,) = checks.tokens(mask, advantages=advantages)
    width = delta / a.detach().abs().clamp(min=torch.finfo(a.dtype).eps)
    return ppo_loss(
        logp, logp_old, advantages=advantages, mask=mask, eps_low=width.clamp(max=1), eps_high=width
    )


@dataclass(frozen=True, kw_only=True)
class TREFree(Method):
    """A clip whose window narrows as the advantage grows: ours, from the abstract."""

    token_loss = trefree_loss
    delta: float = checks.setting(0.1, **POSITIVE)
    """The bound on |A| |r-1|."""

    formula = "A*r*(A*(r - 1) <= delta)"


def ripo_loss(
    logp: Tensor, logp_old: Tensor, *, advantages: Tensor, mask: Tensor, delta: float = 0.05
) -> TokenLoss:
    """PPO's clip with ε = √(δ/q) for each token, q its probability under π_old, so that q (r-1)² <=
    δ: at the edge every token has used up the same share of the chi-square distance between the
    two policies, and a rare one has a wide window.

    Source: arXiv 2607.10169, as printed in summaries; the paper itself was not read. δ there: .05.
    Where q < δ nothing stops a fall."""
    delta = checks.number("delta", delta, **POSITIVE)
    (old,) = checks.tokens(mask, logp_old=logp_old)
    width = (math.log(delta) / 2 - old.detach() / 2).exp().clamp(max=torch.finfo(old.dtype).max)
    return ppo_loss(
        logp, logp_old, advantages=advantages, mask=mask, eps_low=width.clamp(max=1), eps_high=width
    )


@dataclass(frozen=True, kw_only=True)
class RIPO(Method):
    """A clip whose window is wide where the token is rare."""

    token_loss = ripo_loss
    advantage: str = "group-std"
    delta: float = checks.setting(0.05, **POSITIVE)
    """The bound on q (r-1)² of a token, q its probability before the batch."""

    formula = "A*r*(sign(A)*(r - 1) <= sqrt(delta/q))"


class ClipBandit:
    """UCB over widths of a clip: argmax mean_i + c sqrt(log t / n_i), untried ones first; its
    counts are in `memory`.
    Source: ours, from the abstract of arXiv 2312.07624, which names a bandit, and the README of its
    code, which names UCB."""

    def __init__(self, arms: Sequence[float], c: float = 1.0) -> None:
        self.arms = [checks.number("arms", arm, above=0, most=1) for arm in arms]
        checks.whole("arms", len(self.arms), least=1)
        self.c = checks.number("c", c, **NOT_NEGATIVE)

    def choose(self, memory: MutableMapping[str, Any], earned: float) -> float:
        """The next batch's width; `earned` is what the width chosen before has earned, if there was
        one."""
        pulls, means = (
            memory.get(name, torch.zeros(len(self.arms))).clone()
            for name in ("clip_pulls", "clip_means")
        )
        if "clip_arm" in memory:
            last = memory["clip_arm"]
            pulls[last] += 1
            means[last] += (earned - means[last]) / pulls[last]
        bonus = [
            self.c * math.sqrt(math.log(sum(pulls)) / n) if n else math.inf for n in pulls.tolist()
        ]
        score = [mean + more for mean, more in zip(means.tolist(), bonus, strict=True)]
        memory.update(clip_pulls=pulls, clip_means=means, clip_arm=score.index(max(score)))
        return self.arms[memory["clip_arm"]]


@dataclass(frozen=True, kw_only=True)
class PbPPO(Method):
    """PPO with a clip that a bandit chooses for every batch. A width earns the mean reward of the
    next batch, which is written by the policy that the width has made: ours, from the abstract and
    the README of the code."""

    arms: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.5)
    """The widths to choose from, each on both sides of 1."""
    c: float = 1.0
    """Weight of what is still unknown, in units of reward."""

    def __post_init__(self) -> None:
        super().__post_init__()
        ClipBandit(self.arms, self.c)

    def prepare(self, batch: Batch) -> Batch:
        ClipBandit(self.arms, self.c).choose(batch.memory, float(batch.rewards.mean()))
        return super().prepare(batch)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        eps = self.arms[batch.memory["clip_arm"]]
        return ppo_loss(scores.logp, batch.logp_anchor, **batch.credit, eps_low=eps, eps_high=eps)


def kl3_window(delta: float) -> tuple[float, float]:
    """(ε_low, ε_high) of the clip that keeps k3 = r - 1 - log r, a token's estimate of KL(π_old ||
    π), at most δ nats.

    The roots of k3 = δ on both sides of r = 1, by Newton's method; ε_high > ε_low, for k3 is
    steeper below 1."""
    delta = checks.number("delta", delta, **POSITIVE)

    def root(x: float) -> float:
        # From outside, where k3 > δ, so that a convex function's steps never pass the root.
        for _ in range(80):
            x -= (math.expm1(x) - x - delta) / math.expm1(x)
        return math.expm1(x)

    return -root(-1 - delta), root(math.log(2 + 2 * delta))


@dataclass(frozen=True, kw_only=True)
class KL3Clip(Method):
    """PPO's clip where a token's k3 estimate of the KL leaves δ: one window, wider above 1 than
    below.
    Source: ours, from the abstract of ATR-GRPO, arXiv 2602.05494, which speaks of an asymmetric
    clip. δ is our choice: it puts the lower edge at PPO's .8."""

    advantage: str = "group-std"
    delta: float = checks.setting(0.023, **POSITIVE)
    """The largest r - 1 - log r of a token, nats."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        low, high = kl3_window(self.delta)
        return ppo_loss(scores.logp, batch.logp_anchor, **batch.credit, eps_low=low, eps_high=high)

    formula = "A*r*(A*l <= 0 or r - 1 - l <= delta)"


def bandpo_loss(
    logp: Tensor,
    logp_old: Tensor,
    *,
    advantages: Tensor,
    mask: Tensor,
    delta: float = 0.05,
    eps_low: float = 0.2,
    eps_high: float = 0.28,
    most: float = 100.0,
) -> TokenLoss:
    """L = -r A on the tokens that PPO's window keeps and on those with KL(old || new) <= δ, r <=
    `most`; else 0.

    The KL is that of the sampled token against all others, so a rare token has a wide window of
    ratios.
    Args: delta: nats; eps_low, eps_high: PPO's window, which the band never undercuts; 0: the band
    alone.
    Source: arXiv 2603.04918, band with KL; read in the authors' code, `verl/bandpo/band`, whose
    settings these are.
    Differs from: the authors bisect for the window's edges and clip there; the gradient is the same
    (derived here), and the clipped constant is left out. With eps_low = eps_high = 0 this is, up to
    a ratio of `most`, DPPO's mask with binary KL around the recomputed policy; above it DPPO keeps a
    rare token that this clips (derived here)."""
    delta, most = checks.number("delta", delta, least=0), checks.number("most", most, least=1)
    new, old, a = (
        x.detach() for x in checks.tokens(mask, logp=logp, logp_old=logp_old, advantages=advantages)
    )
    near = (binary_kl(old.clamp(max=0.0), new.clamp(max=0.0)) <= delta) & (
        new - old <= math.log(most)
    )
    inside = ppo_loss(
        new, old, advantages=a, mask=mask, eps_low=eps_low, eps_high=eps_high
    ).diagnostics["kept"]
    return without(pg_is_loss, near | inside, logp, logp_old, advantages=advantages, mask=mask)


@dataclass(frozen=True, kw_only=True)
class BandPO(Method):
    """PPO's clip, whose window is opened for a token as far as a KL of its distribution allows."""

    token_loss = bandpo_loss
    advantage: str = "group-std"
    delta: float = checks.setting(0.05, least=0)
    """The largest KL(old || new) of the sampled token against all others, nats."""
    eps_low: float = checks.setting(0.2, **SHARE)
    """The least window below 1."""
    eps_high: float = checks.setting(0.28, least=0)
    """The least window above 1."""
    most: float = checks.setting(100.0, least=1)
    """The largest ratio that the band keeps."""

    formula = f"A*r*({lines.clip()} or ({lines.BINARY_KL} <= delta and r <= most))"


def turns_of(mask: Tensor, length: int | None = None) -> Tensor:
    """[B, T] which turn a token belongs to, from 0: every `length` unmasked tokens begin one; None:
    every unbroken run of unmasked tokens is one, as where a tool's answers stand between."""
    checks.boolean("mask", mask, (None, None), "B, T")
    if length is not None:
        return (mask.cumsum(-1) - 1).clamp(min=0) // checks.whole("length", length, least=1)
    begins = mask & ~torch.nn.functional.pad(mask[:, :-1], (1, 0))
    return (begins.cumsum(-1) - 1).clamp(min=0)


@dataclass(frozen=True, kw_only=True)
class TurnPPO(Method):
    """PPO's clip on whole turns: `gspo_loss` with the geometric mean of a turn's ratios, between a
    token's ratio (turns of one token) and a completion's (one turn).
    Source: ours, from the abstracts of Turn-PPO, arXiv 2511.20718; arXiv 2512.17008, of the same
    name, is another method.
    Differs from: its critic, and the normalisation by what was clipped (S-PPO, ST-PPO), which are
    not here."""

    advantage: str = "group-std"
    length: int | None = checks.setting(None, least=1)
    """Tokens of a turn; None: a turn ends where the environment answers, at a gap in the mask."""
    eps_low: float = checks.setting(0.2, **SHARE)
    """The turn's window below 1."""
    eps_high: float = checks.setting(0.2, least=0)
    """The turn's window above 1."""

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        window = {"eps_low": self.eps_low, "eps_high": self.eps_high}
        turns = turns_of(batch.mask, self.length)
        return gspo_loss(scores.logp, batch.logp_anchor, **batch.credit, **window, turns=turns)
