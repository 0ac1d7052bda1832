"""Policies so small that everything they can write is listed: every expectation is a sum, and no
claim needs a sample.

    tiny = Tiny(tokens=5, length=4)                # 625 completions of four tokens, 156 prefixes
    logits = tiny.random(seed=0)                   # [156, 5] float64: one row for each prefix
    logp = tiny.logp(logits)                       # [625, 4] log pi(y_t | y_<t)
    tiny.advantages(logp, rewards)                 # [625, 4] exact, by summing over what may follow

A policy here is a table of logits with a row for each prefix, so nothing is shared and any
distribution over completions can be written. The policy `mu` has sampled, `pi` is judged. The
reward comes at the end, undiscounted.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from trlib import checks
from trlib.divergences import kl, tv


@dataclass(frozen=True)
class Tiny:
    """All completions of `length` tokens over a vocabulary of `tokens`, in lexicographic order.

    Raises:
        ValueError: fewer than 2 tokens, less than one position, or more than 100,000 completions.
    """

    tokens: int
    length: int

    def __post_init__(self) -> None:
        checks.whole("tokens", self.tokens, least=2)
        checks.whole("length", self.length, least=1)
        if len(self) > 100_000:
            raise ValueError(
                f"tokens, length: expected at most 100,000 completions, got {len(self):,}"
            )

    def __len__(self) -> int:
        return self.tokens**self.length

    @cached_property
    def completions(self) -> Tensor:
        """[N, T] int: every completion, the last token changing fastest."""
        return torch.cartesian_prod(*[torch.arange(self.tokens)] * self.length).reshape(
            len(self), self.length
        )

    @cached_property
    def prefixes(self) -> Tensor:
        """[N, T] int: the row of the logits that each token is drawn from. Row 0 is the empty
        prefix, then come those of one token, of two, and so on."""
        rows, before = [], 0
        for t in range(self.length):
            rows.append(before + torch.arange(len(self)) // self.tokens ** (self.length - t))
            before += self.tokens**t
        return torch.stack(rows, 1)

    @property
    def states(self) -> int:
        """Prefixes that are not yet whole: rows of the logits."""
        return (len(self) - 1) // (self.tokens - 1)

    def random(self, seed: int, spread: float = 1.0) -> Tensor:
        """[states, tokens] float64 normal logits with this standard deviation."""
        generator = torch.Generator().manual_seed(seed)
        return spread * torch.randn(
            self.states, self.tokens, generator=generator, dtype=torch.float64
        )

    def logp(self, logits: Tensor) -> Tensor:
        """[N, T] log π(y_t | y_<t) of every token of every completion, from logits [states,
        tokens].

        Raises:
            TypeError, ValueError: logits of another type or shape.
        """
        checks.floating("logits", logits, (self.states, self.tokens), "states, tokens")
        return torch.log_softmax(logits, -1)[self.prefixes, self.completions]

    def advantages(self, logp: Tensor, rewards: Tensor) -> Tensor:
        """[N, T] A(s_t, y_t) = Q(s_t, y_t) - V(s_t) under the policy of `logp` [N, T], for rewards
        [N].

        V of a prefix is the mean reward of what the policy makes of it; Q is V one token later. In
        the book:
        :eq:`proof-advantage`.
        """
        values = [self._values(logp, rewards, t) for t in range(self.length + 1)]
        return torch.stack([values[t + 1] - values[t] for t in range(self.length)], 1)

    def _values(self, logp: Tensor, rewards: Tensor, t: int) -> Tensor:
        """[N] V of each completion's first t tokens."""
        after = self.tokens ** (self.length - t)
        rest = logp[:, t:].sum(1).exp() * rewards
        return rest.view(-1, after).sum(1).repeat_interleave(after)

    def gain(self, logp: Tensor, logp_old: Tensor, rewards: Tensor) -> Tensor:
        """J(π) - J(μ), the true difference of expected rewards. In the
        book: :eq:`proof-difference`."""
        return ((logp.sum(1).exp() - logp_old.sum(1).exp()) * rewards).sum()

    def surrogate(self, logp: Tensor, logp_old: Tensor, rewards: Tensor) -> Tensor:
        """S(π) = E_μ Σ_t r_t A_t, the gain as the data of μ show it, differentiable in `logp`.

        In the book: :eq:`regions-surrogate`.
        """
        advantages = self.advantages(logp_old, rewards)
        return (logp_old.sum(1).exp()[:, None] * (logp - logp_old).exp() * advantages).sum()

    def furthest(self, logits: Tensor, logits_old: Tensor) -> tuple[Tensor, Tensor]:
        """The largest total variation and the largest KL(μ || π), nats, of a token's distribution
        over all prefixes."""
        new, old = torch.log_softmax(logits, -1), torch.log_softmax(logits_old, -1)
        return tv(old, new).max(), kl(old, new).max()

    def kl(self, logp: Tensor, logp_old: Tensor) -> Tensor:
        """KL(π || μ) between whole completions, nats."""
        return kl(logp.sum(1), logp_old.sum(1))


def penalty(length: int | Tensor, adv_max: Tensor, tv_max: Tensor) -> Tensor:
    """2 T (T-1) ϵ α²: how far the surrogate can be from the true gain. Derived here.

    Args:
        length: T, tokens of a completion; where completions end by themselves, the longest.
        adv_max: ϵ, the largest |A| of μ.
        tv_max: α, the largest total variation of a token's distribution.

    TRPO's Theorem 1 (arXiv 1502.05477) sums a discount instead of T positions:
    `discounted_penalty`. In the book:
    :eq:`regions-bound`.
    """
    return 2 * length * (length - 1) * adv_max * tv_max**2


def discounted_penalty(discount: float, adv_max: Tensor, tv_max: Tensor) -> Tensor:
    """4 ϵ γ/(1-γ)² α², TRPO's constant times α². Arguments as in `penalty`, `discount` γ in [0, 1).

    Raises:
        ValueError: a discount outside [0, 1).

    Source: arXiv 1502.05477, Theorem 1. In the book: :eq:`proof-trpo`.
    """
    discount = checks.number("discount", discount, least=0, below=1)
    return 4 * adv_max * discount / (1 - discount) ** 2 * tv_max**2


def tilt(logp_old: Tensor, rewards: Tensor, *, multiplier: float) -> Tensor:
    """log π* of π* ∝ μ exp(R/λ), the most reward for its KL(π || μ).

    Args:
        logp_old: [N] log μ of every completion; it sums to 1.
        rewards: [N].
        multiplier: λ above 0, in units of reward.

    Raises:
        ValueError: a multiplier that is not above 0.

    In the book: :eq:`quatro-optimum`.
    """
    multiplier = checks.number("multiplier", multiplier, above=0)
    return torch.log_softmax(logp_old + rewards / multiplier, -1)
