"""Whether two columns of log-probs are shifted against each other by one token."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trcheck.diagnose import thresholds as C
from trcheck.diagnose.rollouts import Rollouts


@dataclass(frozen=True)
class Alignment:
    """Whether the sampler's and the learner's log-probs belong to the same tokens.

    Correlations of `logp_rollout` at a token with the learner's log-probs one token before it, of
    the same token and one token after it, over unmasked neighbours in a completion. Two passes over
    the same tokens agree best on the same token, whatever the updates, the precision or the
    temperature did.
    """

    pairs: int
    """Unmasked neighbours."""
    before: float | None
    """With the learner's log-prob of the token before; None: fewer than three pairs, or a column
    that never changes."""
    same: float | None
    after: float | None

    @property
    def shift(self) -> int:
        """-1 or 1 where a neighbour agrees clearly better than the token itself does, else 0."""
        if self.pairs < C.LEAST_PAIRS or self.same is None:
            return 0
        error = math.sqrt(2 / (self.pairs - 3))
        neighbours = [
            (c, where) for c, where in ((self.before, -1), (self.after, 1)) if c is not None
        ]
        best, where = max(neighbours, default=(0.0, 0))
        return where if best > C.ALIGNED and _fisher(best) - _fisher(self.same) > 4 * error else 0


def _fisher(correlation: float) -> float:
    """Fisher's transform, in which a correlation's error depends on the number of pairs only."""
    return math.atanh(max(min(correlation, 1 - 1e-12), -1 + 1e-12))


def align(rollouts: Rollouts) -> Alignment:
    """The test for a shift by one token."""
    mask, owner = rollouts.mask, rollouts.completion
    first = np.flatnonzero(mask[:-1] & mask[1:] & (owner[:-1] == owner[1:]))
    here, learner, sampler = np.flatnonzero(mask), rollouts.learner, rollouts.logp_rollout
    return Alignment(
        len(first),
        correlation(learner[first], sampler[first + 1]),
        correlation(learner[here], sampler[here]),
        correlation(learner[first + 1], sampler[first]),
    )


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's; None where there are fewer than three pairs, or a column that never changes."""
    if len(a) < 3:
        return None
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a)) * math.sqrt(float(b @ b))
    return float(a @ b) / size if size > 1e-12 * len(a) else None
