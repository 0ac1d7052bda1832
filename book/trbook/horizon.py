"""A relay small enough to sum: what a stale batch of long completions is worth to each correction,
exactly.

The first token takes a turn or a jump. After a turn every place is right. After a jump each leg's
place is right with one probability, and the first wrong one decides the completion. All other moves
are free choices, which decide nothing. The policy is three logits: of the turn, of a right place,
of the rarer free choice. `versions` updates lie between the policy μ that wrote and the policy π
that learns. So a completion is its first move, the leg of its first wrong place and a count of free
choices, and all of them are listed.

    chain = Chain(horizon=1024, versions=4)
    worth(chain, "sequence", completions=64)
        # this many fresh completions teach as much as these 64
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from trlib import checks

METHODS = ("tis", "prefix", "sequence", "sequence_tis")
"""What a token's gradient is multiplied by: its own ratio, at most 2; the product of the ratios up to
it; the product W of the whole completion's; W, at most 2."""
TURN, RIGHT, FREE = 0.25, 0.99, 0.1
"""What μ's probabilities are: of a turn, of a right place after a jump, of the rarer free
choice."""
STEP = (0.1, 0.1, 0.05)
"""What a version adds to each logit."""
LONGEST = 4096
CAP = 2.0
SPREAD = 9.0
"""Standard deviations of the count of free choices that are listed on either side; what lies beyond
is below 1e-17."""


def _moved(p: float, by: float) -> float:
    """A probability whose logit is `by` larger."""
    return 1 / (1 + (1 - p) / p * math.exp(-by))


@dataclass(frozen=True, kw_only=True)
class Chain:
    """The small relay between two policies.

    Raises:
        TypeError, ValueError: a horizon that is not an even number from 4 to 4,096, versions below
            0.
    """

    horizon: int = checks.setting(least=4)
    """T, tokens of a completion: a move and a place for each leg."""
    versions: float = checks.setting(0.0, least=0)
    """Updates between μ and π."""

    def __post_init__(self) -> None:
        checks.validate(self)
        if self.horizon > LONGEST or self.horizon % 2:
            raise ValueError(
                f"horizon: expected an even number from 4 to {LONGEST}, got {self.horizon}"
            )

    @property
    def legs(self) -> int:
        """T / 2."""
        return self.horizon // 2

    @cached_property
    def learner(self) -> tuple[float, float, float]:
        """π's three probabilities, in the order of TURN, RIGHT and FREE."""
        turn, right, free = (
            _moved(old, step * self.versions)
            for old, step in zip((TURN, RIGHT, FREE), STEP, strict=True)
        )
        return turn, right, free

    @cached_property
    def value(self) -> tuple[float, float]:
        """J(μ) and J(π), mean rewards."""
        p, s, _ = self.learner
        return _value(TURN, RIGHT, self.legs), _value(p, s, self.legs)

    @cached_property
    def gradient(self) -> Tensor:
        """[3] ∇J(π) in the three logits."""
        p, s, _ = self.learner
        right = s**self.legs
        return torch.tensor(
            [p * (1 - p) * (1 - right), (1 - p) * self.legs * right * (1 - s), 0.0],
            dtype=torch.float64,
        )

    @property
    def promised(self) -> float:
        """The surrogate: what token ratios promise, E_μ[Σ r_t A(s_t, y_t)] with μ's exact
        advantages."""
        p, s, _ = self.learner
        late = (1 - TURN) * self.legs * RIGHT ** (self.legs - 1) * (s - RIGHT)
        return (p - TURN) * (1 - RIGHT**self.legs) + late

    @property
    def largest_tv(self) -> float:
        """The largest total variation of a token, over all prefixes."""
        return max(
            abs(new - old) for old, new in zip((TURN, RIGHT, FREE), self.learner, strict=True)
        )


def _value(turn: float, right: float, legs: int) -> float:
    """The mean reward: a turn earns 1, and so does a jump if every place is right."""
    return turn + (1 - turn) * right**legs


def estimate(chain: Chain, method: str) -> tuple[Tensor, float]:
    """Mean [3] and variance (summed over the three) of one completion's gradient under a
    correction.

    g = Σ_t w_t ∇log π(y_t) (R - J(μ)),   y from μ

    In the book: :eq:`long-three`.

    Raises:
        TypeError, ValueError: no Chain, or an unknown method.
    """
    checks.choice("method", method, METHODS)
    if method == "prefix":
        return _of_prefixes(chain)
    if method == "tis":
        return _of_tokens(chain, (TURN, RIGHT, FREE))
    return _of_sequences(chain, CAP if method == "sequence_tis" else math.inf)


def fresh(chain: Chain) -> float:
    """The variance of one completion's gradient where π itself wrote it."""
    mean, variance = _of_tokens(chain, chain.learner)
    assert torch.allclose(mean, chain.gradient, rtol=1e-6, atol=1e-12)
    return variance


def survives(chain: Chain, method: str, completions: int) -> float:
    """The share of the gradient that the mean over a batch keeps, from 0 to 1; negative: it points
    the wrong way.

    (E ĝ · ∇J)² / (|∇J|² E|ĝ|²),   E|ĝ|² = |E g|² + Var g / N

    It is 1 minus the smallest mean squared error, relative to |∇J|², that any length of ĝ leaves, so
    that a factor on all weights, which AdamW divides out again, changes nothing. Derived here."""
    completions = checks.whole("completions", completions, least=1)
    mean, variance = estimate(chain, method)
    along = float(mean @ chain.gradient)
    length = float(chain.gradient.square().sum() * (mean.square().sum() + variance / completions))
    return math.copysign(along * along / length, along) if length else 0.0


def worth(chain: Chain, method: str, completions: int) -> float:
    """How many fresh completions teach as much as these stale ones; 0 where the gradient points the
    wrong way.

    N' = Var_π g / |∇J|² · q / (1 - q),   q = `survives`

    Derived here. In the book: :eq:`long-worth`."""
    kept = survives(chain, method, completions)
    return max(0.0, fresh(chain) / float(chain.gradient.square().sum()) * kept / (1 - kept))


def _outcomes(chain: Chain, turn: float, right: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """[legs + 2] each: probability, reward, right places after a jump, and 1 where a place is
    wrong. First the turn, then a first wrong place at each leg, last no wrong place."""
    legs = chain.legs
    rights = torch.cat([torch.zeros(1), torch.arange(legs), torch.tensor([legs])]).double()
    wrong = torch.cat([torch.zeros(1), torch.ones(legs), torch.zeros(1)]).double()
    share = (1 - turn) * right**rights * torch.where(wrong > 0, 1 - right, torch.ones_like(wrong))
    share[0] = turn
    reward = torch.zeros(legs + 2, dtype=torch.float64)
    reward[0] = reward[-1] = 1.0
    return share, reward, rights, wrong


def _of_tokens(chain: Chain, sampler: tuple[float, float, float]) -> tuple[Tensor, float]:
    (turn, right, free), (p, s, q) = sampler, chain.learner
    share, reward, rights, wrong = _outcomes(chain, turn, right)
    A = reward - _value(turn, right, chain.legs)

    def of(new: float, old: float) -> float:
        return min(new / old, CAP)

    first = torch.full_like(A, of(1 - p, 1 - turn) * -p)
    first[0] = of(p, turn) * (1 - p)
    places = rights * of(s, right) * (1 - s) - wrong * of(1 - s, 1 - right) * s
    chosen, other = of(q, free) * (1 - q), -of(1 - q, 1 - free) * q
    n = chain.legs - 1
    mean = n * (free * chosen + (1 - free) * other)
    square = mean**2 + n * free * (1 - free) * (chosen - other) ** 2
    gradient = torch.stack([(share * A * part).sum() for part in (first, places, mean)])
    length = (share * A.square() * (first.square() + places.square() + square)).sum()
    return gradient, float(length - gradient.square().sum())


def _of_sequences(chain: Chain, cap: float) -> tuple[Tensor, float]:
    p, s, q = chain.learner
    share, reward, rights, wrong = _outcomes(chain, TURN, RIGHT)
    A, n = reward - chain.value[0], chain.legs - 1
    log_w = (
        rights * math.log(s / RIGHT)
        + wrong * math.log((1 - s) / (1 - RIGHT))
        + math.log((1 - p) / (1 - TURN))
    )
    log_w[0] = math.log(p / TURN)
    tilted = q * q / FREE / (q * q / FREE + (1 - q) ** 2 / (1 - FREE))  # where E W² has its mass
    high = max(tilted, FREE)
    counts = torch.arange(
        max(0, math.floor(n * FREE - _around(n, FREE))),
        min(n, math.ceil(n * high + _around(n, high))) + 1,
    ).double()
    chances = (
        torch.distributions.Binomial(n, torch.tensor(FREE, dtype=torch.float64))
        .log_prob(counts)
        .exp()
    )
    moved = counts * math.log(q / FREE) + (n - counts) * math.log((1 - q) / (1 - FREE))
    weight = (log_w[:, None] + moved).exp().clamp(max=cap)  # [outcomes, counts]
    first = torch.full_like(A, -p)
    first[0] = 1 - p
    places = rights * (1 - s) - wrong * s
    free = counts - n * q
    mean_weight, mean_square = weight @ chances, weight.square() @ chances
    gradient = torch.stack(
        [
            (share * A * first * mean_weight).sum(),
            (share * A * places * mean_weight).sum(),
            (share * A * (weight @ (chances * free))).sum(),
        ]
    )
    known = (first.square() + places.square()) * mean_square + weight.square() @ (
        chances * free.square()
    )
    return gradient, float((share * A.square() * known).sum() - gradient.square().sum())


def _around(n: int, share: float) -> float:
    """How far from its mean a count of n is listed."""
    return SPREAD * math.sqrt(n * share * (1 - share)) + 20


def _of_prefixes(chain: Chain) -> tuple[Tensor, float]:
    """By the moments of a state, for each logit a vector: the chance of being there, E P, E P², E S,
    E P S and E S², where P is the product of the ratios so far and S = Σ P ∇log π of the tokens so
    far."""
    p, s, q = chain.learner
    start = torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0, 0.0], dtype=torch.float64)
    start = start.repeat(3, 1).unsqueeze(-1)
    turn = _token(TURN, p / TURN, 0, 1 - p) @ start
    jump = _token(1 - TURN, (1 - p) / (1 - TURN), 0, -p) @ start
    wrong = torch.zeros_like(start)
    right = _token(RIGHT, s / RIGHT, 1, 1 - s)
    missed = _token(1 - RIGHT, (1 - s) / (1 - RIGHT), 1, -s)
    free = _token(FREE, q / FREE, 2, 1 - q) + _token(1 - FREE, (1 - q) / (1 - FREE), 2, -q)
    for leg in range(chain.legs):
        if leg:
            turn, jump, wrong = free @ turn, free @ jump, free @ wrong
        jump, wrong = right @ jump, wrong + missed @ jump
    mean, length = torch.zeros(3, dtype=torch.float64), 0.0
    for reward, moments in ((1.0, turn), (1.0, jump), (0.0, wrong)):
        A = reward - chain.value[0]
        mean += A * moments[:, 3, 0]
        length += A * A * float(moments[:, 5].sum())
    return mean, length - float(mean.square().sum())


def _token(chance: float, ratio: float, logit: int, score: float) -> Tensor:
    """[3, 6, 6] what one more token does to the moments, which has this chance, ratio and ∇log π in
    one of the logits."""
    same = torch.tensor([1.0, ratio, ratio**2, 1.0, ratio, 1.0], dtype=torch.float64)
    matrices = same.diag().repeat(3, 1, 1)
    add = ratio * score
    matrices[logit, 3, 1] = add
    matrices[logit, 4, 2] = ratio * add
    matrices[logit, 5, 2] = add**2
    matrices[logit, 5, 4] = 2 * add
    return chance * matrices
