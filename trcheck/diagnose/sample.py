"""What the tests of a dump share: a cause, the tokens that are looked at, and the numbers of
`judgement.json`.

Per unmasked token: x = log μ as the sampler recorded it, y = the learner's log-prob before its
updates (or now, where the file has no `logp_old`), d = y - x. Tokens that μ drew have E[exp d] = 1
whatever the learner is, and E[d] <= 0."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from trcheck.diagnose.messages import JUDGEMENT, say
from trcheck.diagnose.rollouts import Rollouts

NAMES = tuple(JUDGEMENT["names"])
CONSTANTS: dict[str, Any] = JUDGEMENT["constants"]


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

    @property
    def last(self) -> np.ndarray:
        """[C] the place of each completion's last token."""
        return np.flatnonzero(np.diff(self.owner, append=-1))

    def of(self, keep: np.ndarray) -> Sample:
        """Some of the tokens."""
        if keep.all():
            return self
        names = ("owner", "x", "y", "now", "advantage")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})


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


def unsure(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 - p at the mean of two log-probs: an error of a token's logit changes its log-prob by this
    share of it."""
    return -np.expm1(np.minimum((x + y) / 2, 0))


def deviation(d: np.ndarray) -> float:
    return float(np.abs(d).mean())


def listed(numbers: np.ndarray) -> str:
    shown = CONSTANTS["SHOWN"]
    more = say("cause.more", count=len(numbers) - shown) if len(numbers) > shown else ""
    return ", ".join(str(int(i)) for i in numbers[:shown]) + more
