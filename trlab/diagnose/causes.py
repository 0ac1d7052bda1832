"""What is wrong with a dump, by name: each cause has a statistic, a threshold and a sentence.

Every test asks for a significance far beyond one in a thousand *and* for a size that would matter,
so that all of them together accuse few healthy dumps; `python tests/instruments/diagnose/power.py` measures both.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trlab.diagnose.cause import FEWEST_COMPLETIONS, FEWEST_TOKENS, NAMES, Cause, Sample, sample
from trlab.diagnose.distributions import (
    dropout,
    noise,
    precision,
    staleness,
    support,
    temperature,
    unexplained,
)
from trlab.diagnose.groups import dead_groups, half_groups, truncation
from trlab.diagnose.log_probs import (
    OVERFLOW,
    clipped,
    finite,
    nats,
    overflow,
    padding,
    pairing,
    shift,
    unit,
)
from trlab.diagnose.rollouts import Rollouts
from trlab.diagnose.texts import say


@dataclass(frozen=True)
class Judgement:
    """The verdict on a dump."""

    verdict: str
    """"healthy", "found" or "unclear"."""
    headline: str
    """One sentence: the same at the top of the terminal, of the JSON and of the page."""
    causes: tuple[Cause, ...]
    unseen: tuple[str, ...]
    """What no test could look at, and which column would let it."""


def judge(r: Rollouts) -> tuple[Judgement, Rollouts]:
    """The verdict, and the rollouts as a diagnosis can use them: in nats, without tokens that are
    no numbers.

    Raises:
        ValueError: no token is left.
    """
    causes: list[Cause] = []
    r = finite(r, causes)
    r = nats(r, causes)
    s = sample(r)
    causes += overflow(s)
    s = s.of(np.abs(s.d) <= OVERFLOW)
    owners, tokens = len(np.unique(s.owner)), len(s.x)
    reason = None
    if owners < FEWEST_COMPLETIONS or tokens < FEWEST_TOKENS:
        reason = say("unclear.few", completions=owners, tokens=tokens)
    elif s.x.min() == s.x.max() or s.y.min() == s.y.max():
        reason = say("unclear.constant")
    else:
        padded, fill = padding(r, s)
        causes += fill
        s = s.of(~padded)
        causes += [
            *_of_log_probs(r, s),
            *dead_groups(r),
            *truncation(r, bool(fill)),
            *half_groups(r),
        ]
        reason = None if causes else unexplained(s)
    causes.sort(key=lambda cause: NAMES.index(cause.name))
    unique = tuple({cause.name: cause for cause in reversed(causes)}.values())[::-1]
    if unique:
        names = ", ".join(cause.name for cause in unique)
        return Judgement("found", say("headline.found", causes=names), unique, _unseen(r)), r
    if reason:
        return Judgement("unclear", say("headline.unclear", reason=reason), (), _unseen(r)), r
    return Judgement("healthy", say("headline.healthy", completions=r.count), (), _unseen(r)), r


def _of_log_probs(r: Rollouts, s: Sample) -> list[Cause]:
    """What is wrong between the learner's and the sampler's log-probs: the first cause that
    explains it."""
    shifted = shift(r, s)
    if shifted:
        return shifted
    causes = unit(s) or clipped(s)
    if causes:
        return causes
    causes, wrong = pairing(r, s)
    s = s.of(~wrong)
    if not len(s.x):
        return causes
    for test in (support, temperature, staleness, dropout, noise, precision):
        found = test(r, s)
        if found:
            return [*causes, *found]
    return causes


def _unseen(r: Rollouts) -> tuple[str, ...]:
    """What a missing column hides."""
    missing = [
        ("logp_old", r.logp_old is None),
        ("group", r.group is None),
        ("version", r.version is None),
        ("copied", np.array_equal(r.learner[r.mask], r.logp_rollout[r.mask])),
        ("sampling", r.sampling.holds is None),
    ]
    return tuple(say(f"unseen.{name}") for name, is_missing in missing if is_missing)
