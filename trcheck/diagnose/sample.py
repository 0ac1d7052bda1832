"""What the tests of a dump share: a cause, and the tokens that are looked at.

Per unmasked token: x = log μ as the sampler recorded it, y = the learner's log-prob before its
updates (or now, where the file has no `logp_old`), d = y - x. Tokens that μ drew have E[exp d] = 1
whatever the learner is, and E[d] <= 0."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from trcheck.diagnose import thresholds as C
from trcheck.diagnose.messages import say
from trcheck.diagnose.rollouts import Rollouts


@dataclass(frozen=True)
class Cause:
    """A cause that was found."""

    name: str
    """One of `trcheck.diagnose.rules.NAMES`."""
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
    seen: np.ndarray
    """bool: the completion holds the same token before; False everywhere without tokens."""

    @property
    def d(self) -> np.ndarray:
        return self.y - self.x

    @property
    def free(self) -> np.ndarray:
        """[n] 1 - p: an error of a token's logit changes its log-prob by this share of it."""
        return unsure(self.x, self.y)

    @property
    def size(self) -> float:
        """How far the two log-probs are apart, in nats of a logit."""
        return logits(self.d, self.free)

    @property
    def first(self) -> np.ndarray:
        """[C] where each completion's first token stands."""
        return np.flatnonzero(np.diff(self.owner, prepend=-1))

    @property
    def lengths(self) -> np.ndarray:
        """[C]"""
        return np.diff(self.first, append=len(self.owner))

    @property
    def place(self) -> np.ndarray:
        """[n] in the completion, from 0."""
        return np.arange(len(self.owner)) - np.repeat(self.first, self.lengths)

    @property
    def ends(self) -> np.ndarray:
        """[n] bool: the completion's last token."""
        return np.diff(self.owner, append=-1) != 0

    def of(self, keep: np.ndarray) -> Sample:
        """Some of the tokens."""
        if keep.all():
            return self
        names = ("owner", "x", "y", "now", "advantage", "seen")
        return replace(self, **{name: getattr(self, name)[keep] for name in names})


def sample(r: Rollouts) -> Sample:
    columns = r.completion, r.logp_rollout, r.learner, r.logp, r.advantage
    return Sample(*columns, _seen(r)).of(r.mask)


def _seen(r: Rollouts) -> np.ndarray:
    """[N] whether a token stands in its completion before."""
    seen = np.zeros(len(r.completion), dtype=bool)
    if r.pieces is not None:
        import pandas as pd

        piece = pd.factorize(r.pieces)[0]
        order = np.lexsort((piece, r.completion))  # stable: the first of a kind stays first
        same = (np.diff(piece[order]) == 0) & (np.diff(r.completion[order]) == 0)
        seen[order[1:][same]] = True
    return seen


def unsure(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """1 - p at the mean of two log-probs."""
    return -np.expm1(np.minimum((x + y) / 2, 0))


def logits(d: np.ndarray, free: np.ndarray) -> float:
    """Mean |d| over mean 1 - p: nats of a logit."""
    return float(np.abs(d).sum() / max(free.sum(), 1e-12))


def correlation(a: np.ndarray, b: np.ndarray) -> float | None:
    """Pearson's; None where there are fewer than three pairs, or a column that never changes."""
    if len(a) < 3:
        return None
    a, b = a - a.mean(), b - b.mean()
    size = math.sqrt(float(a @ a)) * math.sqrt(float(b @ b))
    return float(a @ b) / size if size > 1e-12 * len(a) else None


def fisher(correlation: float, most: float = 1 - 1e-12) -> float:
    """Fisher's transform, in which a correlation's error depends on the number of pairs only."""
    return math.atanh(max(min(correlation, most), -most))


def at_most(correlation: float, error: float) -> float:
    """What a correlation may be, by an error of its transform."""
    return math.tanh(fisher(correlation, 0.999) + error)


def deviation(d: np.ndarray) -> float:
    return float(np.abs(d).mean())


def listed(numbers: np.ndarray) -> str:
    shown = C.SHOWN
    more = say("cause.more", count=len(numbers) - shown) if len(numbers) > shown else ""
    return ", ".join(str(int(i)) for i in numbers[:shown]) + more
