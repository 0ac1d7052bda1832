"""What each method would do to every token of a dump, by the package's own losses: one definition
of `kept`, `weight`.

The plain importance-weighted gradient A π/μ is what the methods restrain. A method clips a token
(`silenced` here) that has an advantage where its loss says `kept` is False (the others have no
gradient anyway), and *reweighs* one that it keeps with a weight that differs from A π/μ by more
than 1 %.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from trcheck.diagnose.rollouts import Rollouts
from trlib import checks
from trlib.algorithms import dppo_loss, pg_is_loss, ppo_loss, reinforce_loss
from trlib.algorithms.method import TokenLoss
from trlib.corrections import truncated_importance

NEAR = 0.01
"""A weight that is off by less than this share counts as the same."""
CHUNK = 1 << 18
"""Most tokens that are computed at once."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """The thresholds under which the methods are compared."""

    eps_low: float = 0.2
    """PPO's window below 1."""
    eps_high: float = 0.2
    """PPO's window above 1."""
    delta_tv: float = 0.15
    """DPPO's threshold on total variation, a probability."""
    delta_kl: float = 0.05
    """DPPO's threshold on KL(mu || pi), nats."""
    cap: float = 2.0
    """The largest factor of truncated importance sampling."""

    def __post_init__(self) -> None:
        checks.number("eps_low", self.eps_low, least=0, most=1)
        checks.number("eps_high", self.eps_high, least=0, below=math.inf)
        checks.number("delta_tv", self.delta_tv, least=0, most=1)
        for name in ("delta_kl", "cap"):
            checks.number(name, getattr(self, name), above=0, below=math.inf)

    def outside(self, log_ratio: np.ndarray) -> np.ndarray:
        """Whether ratios lie outside PPO's window."""
        with np.errstate(over="ignore"):
            ratio = np.exp(log_ratio)
        return (ratio > 1 + self.eps_high) | (ratio < 1 - self.eps_low)


@dataclass(frozen=True)
class Effect:
    """What one method does, a flag per token; all False where the mask is."""

    key: str
    name: str
    anchor: str
    """The column that the region is drawn around."""
    silenced: np.ndarray
    reweighed: np.ndarray


def effects(rollouts: Rollouts, limits: Limits) -> list[Effect]:
    """Every method's effect, in the order of the page."""
    old = rollouts.logp_old is not None
    anchor = "logp_old" if old else "logp_rollout"
    methods: tuple[tuple[str, str, str, Callable[[_Tokens], TokenLoss]], ...] = (
        ("ppo", "PPO", anchor, lambda b: b.ppo(limits, b.advantages)),
        ("tis", "PPO + TIS" if old else "TIS", anchor, lambda b: b.corrected(limits)),
        ("dppo_tv", "DPPO, binary TV", "logp_rollout", lambda b: b.dppo(delta_tv=limits.delta_tv)),
        ("dppo_kl", "DPPO, binary KL", "logp_rollout", lambda b: b.dppo(delta_kl=limits.delta_kl)),
    )
    never = np.zeros(len(rollouts.mask), dtype=bool)
    silenced = {key: never.copy() for key, *_ in methods}
    reweighed = {key: never.copy() for key, *_ in methods}
    for where, tokens in _chunks(rollouts):
        unrestrained = pg_is_loss(
            tokens.logp, tokens.logp_rollout, advantages=tokens.advantages, mask=tokens.mask
        ).diagnostics["weight"]
        for key, _, _, run in methods:
            diagnostics = run(tokens).diagnostics
            near = np.isclose(diagnostics["weight"][0], unrestrained[0], rtol=NEAR, atol=0)
            kept = diagnostics["kept"][0].numpy()
            silenced[key][where] = ~kept & (rollouts.advantage[where] != 0)
            reweighed[key][where] = kept & ~near
    return [Effect(key, name, at, silenced[key], reweighed[key]) for key, name, at, _ in methods]


@dataclass(frozen=True)
class _Tokens:
    """Some unmasked tokens as tensors [1, n], which a loss per token takes for one completion."""

    logp: Tensor
    logp_rollout: Tensor
    logp_old: Tensor | None
    advantages: Tensor
    mask: Tensor

    def ppo(self, limits: Limits, advantages: Tensor) -> TokenLoss:
        old = self.logp_rollout if self.logp_old is None else self.logp_old
        return ppo_loss(
            self.logp,
            old,
            advantages=advantages,
            mask=self.mask,
            eps_low=limits.eps_low,
            eps_high=limits.eps_high,
        )

    def corrected(self, limits: Limits) -> TokenLoss:
        """PPO with the sampler's mismatch corrected; without `logp_old` policy gradient with π/μ
        itself truncated."""
        learner = self.logp if self.logp_old is None else self.logp_old
        factor = truncated_importance(learner, self.logp_rollout, self.mask, cap=limits.cap)
        advantages = self.advantages * factor
        if self.logp_old is None:
            return reinforce_loss(self.logp, advantages=advantages, mask=self.mask)
        return self.ppo(limits, advantages)

    def dppo(self, *, delta_tv: float | None = None, delta_kl: float | None = None) -> TokenLoss:
        return dppo_loss(
            self.logp,
            self.logp_rollout,
            advantages=self.advantages,
            mask=self.mask,
            delta_tv=delta_tv,
            delta_kl=delta_kl,
        )


def _chunks(rollouts: Rollouts) -> Iterator[tuple[np.ndarray, _Tokens]]:
    """The unmasked tokens, `CHUNK` of them at once, with their places."""
    every = np.flatnonzero(rollouts.mask)
    for first in range(0, len(every), CHUNK):
        where = every[first : first + CHUNK]

        def of(column: np.ndarray, where: np.ndarray = where) -> Tensor:
            return torch.from_numpy(column[where]).unsqueeze(0)

        old = None if rollouts.logp_old is None else of(rollouts.logp_old)
        columns = of(rollouts.logp), of(rollouts.logp_rollout), old, of(rollouts.advantage)
        yield where, _Tokens(*columns, of(rollouts.mask))
