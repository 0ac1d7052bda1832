"""What the tests of a dump share: a cause, and the tokens that are looked at.

Per unmasked token: x = log μ as the sampler recorded it, y = the learner's log-prob before its
updates (or now, where the file has no `logp_old`), d = y - x. Tokens that μ drew have E[exp d] = 1
whatever the learner is, and E[d] <= 0."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trlab.diagnose.rollouts import Rollouts
from trlab.diagnose.texts import say

NAMES = (
    "non-finite",
    "unit",
    "padding",
    "shift",
    "pairing",
    "support",
    "temperature",
    "staleness",
    "dropout",
    "noise",
    "precision",
    "dead-groups",
    "truncation",
    "half-groups",
)

FEWEST_TOKENS, FEWEST_COMPLETIONS = 100, 8
"""Fewer cannot be judged."""

ERRORS = 5.0
"""Standard errors that a mean must be off by."""

SHOWN = 6
"""Most completions or groups that are listed."""


@dataclass(frozen=True)
class Cause:
    """A cause that was found."""

    name: str
    """One of `NAMES`."""
    evidence: str
    advice: str


def cause(name: str, key: str, **values: object) -> list[Cause]:
    return [Cause(name, say(f"cause.{key}", **values), say(f"advice.{key}"))]


@dataclass(frozen=True)
class Sample:
    """The unmasked tokens: the arrays that the tests work on, each [n]."""

    owner: np.ndarray
    """The completion."""
    x: np.ndarray
    y: np.ndarray
    now: np.ndarray
    """The learner's log-prob after its updates: y where there is no `logp_old`."""
    advantage: np.ndarray

    @property
    def d(self) -> np.ndarray:
        return self.y - self.x

    def of(self, keep: np.ndarray) -> Sample:
        """Some of the tokens."""
        if keep.all():
            return self
        return Sample(
            *(getattr(self, name)[keep] for name in ("owner", "x", "y", "now", "advantage"))
        )


def sample(r: Rollouts) -> Sample:
    return Sample(r.completion, r.logp_rollout, r.learner, r.logp, r.advantage).of(r.mask)


@dataclass(frozen=True)
class Mean:
    """The mean of exp(d) over tokens, which is 1 if x is log μ and the learner's support is the
    sampler's."""

    value: float
    error: float


def mean_ratio(d: np.ndarray) -> Mean:
    with np.errstate(over="ignore"):
        ratio = np.exp(d)
    return Mean(float(ratio.mean()), float(np.sqrt(np.square(ratio - 1).sum()) / len(ratio)))


def sizes(r: Rollouts, s: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Per completion of the file: how many of these tokens it has, and their sum of |d|."""
    counts = np.bincount(s.owner, minlength=r.count)
    return counts, np.bincount(s.owner, weights=np.abs(s.d), minlength=r.count)


def deviation(d: np.ndarray) -> float:
    return float(np.abs(d).mean())


def listed(numbers: np.ndarray) -> str:
    more = say("cause.more", count=len(numbers) - SHOWN) if len(numbers) > SHOWN else ""
    return ", ".join(str(int(i)) for i in numbers[:SHOWN]) + more
