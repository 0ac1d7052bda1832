"""Which log-probs of the sampler a dump holds, and whether the findings therefore hold: the verdict.

A sampler divides the logits by its temperature and may cut the distribution (top-p, top-k, penalties) before it draws.
*Processed* log-probs are taken after that: they are log μ of what was drawn from. *Raw* ones are taken before: they are
the model's own, at temperature 1, and another distribution unless nothing was changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from trlab.diagnose.texts import say
from trlib import checks

KINDS = ("raw", "processed")
CAP = 10.0
"""Where `Unbiased.capped` cuts a ratio."""
GROSS = 1.5
"""Mean |log ratio|, nats per token, that no rounding and no usual batch of updates reaches (see `scale`)."""
ALIGNED = 0.3
"""Two passes over the same tokens correlate more than this."""
LEAST_PAIRS = 20
"""Fewer neighbours say nothing about a shift."""


@dataclass(frozen=True, kw_only=True)
class Sampling:
    """How the completions were drawn and what was recorded of it; None: not known."""

    logprobs: str | None = None
    """What `logp_rollout` holds: "raw" or "processed"."""
    temperature: float | None = None
    """The sampler's."""
    top_p: float | None = None
    """The sampler's; 1 cuts nothing."""
    source: str = ""
    """Who says so, as a half-sentence: "as the file says"."""

    def __post_init__(self) -> None:
        if self.logprobs is not None:
            checks.choice("logprobs", self.logprobs, KINDS)
        for name, most in (("temperature", None), ("top_p", 1.0)):
            if getattr(self, name) is not None:
                checks.number(name, getattr(self, name), above=0, below=None if most else float("inf"), most=most)

    @property
    def changed(self) -> bool | None:
        """Whether the sampler drew from another distribution than the model's own; None: not known."""
        if self.temperature not in (None, 1) or self.top_p not in (None, 1):
            return True
        return None if self.temperature is None else False

    @property
    def holds(self) -> bool | None:
        """Whether `logp_rollout` is log μ of the distribution that sampled; None: not known."""
        if self.logprobs == "processed" or self.changed is False:
            return True
        return False if self.logprobs == "raw" and self.changed else None

    @property
    def details(self) -> str:
        """Temperature, top-p and who says so, in brackets; empty where nothing is known."""
        known = [
            f"{name} {value:g}"
            for name, value in (("temperature", self.temperature), ("top-p", self.top_p))
            if value is not None
        ]
        parts = [part for part in (", ".join(known), self.source) if part]
        return f" ({'; '.join(parts)})" if parts else ""


@dataclass(frozen=True)
class Unbiased:
    """The mean of π_old/μ, which is 1 over tokens that μ sampled, whatever π_old is: it tests whether `logp_rollout`
    are the log-probs of the distribution that sampled. Without `logp_old` it is the mean of π/μ, a weaker test, because
    updates on these very tokens raise π."""

    mean: float
    error: float
    """Standard error."""
    capped: float
    """Mean of min(ratio, 10): at most 1. A few huge ratios make the plain mean's error useless, but not this one's."""
    capped_error: float
    old: bool
    """Of π_old, not of π."""

    @property
    def deviates(self) -> bool:
        """Either mean is off by more than 4 standard errors, and by more than 1 % (π: by more than a factor of 2)."""
        above, below = (0.01, 0.01) if self.old else (1.0, 0.5)
        return (
            self.mean - 1 > max(4 * self.error, above)
            or 1 - self.mean > max(4 * self.error, below)
            or self.capped - 1 > max(4 * self.capped_error, above)
        )


@dataclass(frozen=True)
class Alignment:
    """Whether the sampler's and the learner's log-probs belong to the same tokens.

    Correlations of `logp_rollout` at a token with the learner's log-probs one token before it, of the same token and
    one token after it, over unmasked neighbours in a completion. Two passes over the same tokens agree best on the same
    token, whatever the updates, the precision or the temperature did.
    """

    pairs: int
    """Unmasked neighbours."""
    before: float | None
    """With the learner's log-prob of the token before; None: fewer than three pairs, or a column that never changes."""
    same: float | None
    after: float | None

    @property
    def shift(self) -> int:
        """-1 or 1 where a neighbour agrees clearly better than the token itself does, else 0."""
        if self.pairs < LEAST_PAIRS or self.same is None:
            return 0
        error = math.sqrt(2 / (self.pairs - 3))
        neighbours = [(c, where) for c, where in ((self.before, -1), (self.after, 1)) if c is not None]
        best, where = max(neighbours, default=(0.0, 0))
        return where if best > ALIGNED and _fisher(best) - _fisher(self.same) > 4 * error else 0


def _fisher(correlation: float) -> float:
    """Fisher's transform, in which a correlation's error depends on the number of pairs only."""
    return math.atanh(max(min(correlation, 1 - 1e-12), -1 + 1e-12))


@dataclass(frozen=True)
class Meaning:
    """The verdict on the findings, in words."""

    holds: bool | None
    """Whether `logp_rollout` is log μ of the distribution that sampled; None: not known."""
    headline: str
    """One sentence: the same at the top of the terminal, of the JSON and of the page."""
    verdict: str
    reasons: tuple[str, ...]


def meaning(
    sampling: Sampling, unbiased: Unbiased, alignment: Alignment | None = None, deviation: float = 0.0
) -> Meaning:
    """Whether the findings hold, from what is known of the log-probs and from what the numbers show.

    Args:
        sampling: what is known of how the completions were drawn.
        unbiased: the test of the mean ratio.
        alignment: the test for a shift by one token; None: not made.
        deviation: mean |log π_old/μ|, or without `logp_old` mean |log π/μ|, nats per token.
    """
    column = "logp_old" if unbiased.old else "logp"
    if alignment is not None and alignment.shift:
        return _shifted(alignment, column)
    if sampling.holds is False:
        return _other(sampling, unbiased.old)
    # The sampler never draws what top-p removed, so there a mean below 1 is no fault.
    cut = sampling.top_p not in (None, 1) and unbiased.mean < 1
    if unbiased.deviates and not cut:
        return _contradicted(sampling, unbiased)
    if deviation > GROSS:
        return _gross(sampling, unbiased.old, deviation, column)
    if sampling.holds is None:
        return _unknown(sampling)
    kind = "meaning.processed" if sampling.logprobs == "processed" else "meaning.same"
    reasons = []
    if sampling.changed is not False:
        temperature = sampling.temperature
        at = say("meaning.that") if temperature is None else say("meaning.temperature", temperature=f"{temperature:g}")
        reasons.append(say("meaning.learner", at=at))
    if sampling.top_p not in (None, 1):
        reasons.append(say("meaning.top_p", top_p=f"{sampling.top_p:g}"))
    return Meaning(True, say("headline.true"), say(kind, details=sampling.details), tuple(reasons))


def _shifted(alignment: Alignment, column: str) -> Meaning:
    before = alignment.shift < 0
    best = alignment.before if before else alignment.after
    where = say("meaning.shift_before" if before else "meaning.shift_after")
    verdict = say("meaning.shift", column=column, where=where, best=f"{best:.2f}", same=f"{alignment.same:.2f}")
    return Meaning(False, say("headline.shift"), verdict, (say("meaning.shift_cause"), say("meaning.causes")))


def _other(sampling: Sampling, old: bool) -> Meaning:
    free = say("meaning.free_old" if old else "meaning.free_none")
    verdict = say("meaning.raw", details=sampling.details)
    return Meaning(False, say("headline.raw"), verdict, (say("meaning.lost"), free, say("meaning.not_back")))


def _contradicted(sampling: Sampling, unbiased: Unbiased) -> Meaning:
    ratio, mean = "π_old/μ" if unbiased.old else "π/μ", f"{unbiased.mean:.4g}"
    capped = say("meaning.capped", capped=f"{unbiased.capped:.4g}", cap=f"{CAP:g}") if unbiased.capped > 1 else ""
    verdict = say(
        "meaning.biased", ratio=ratio, mean=mean, error=f"{unbiased.error:.2g}", capped=capped, kind=_stated(sampling)
    )
    return Meaning(False, say("headline.biased", ratio=ratio, mean=mean), verdict, _causes(unbiased.old))


def _gross(sampling: Sampling, old: bool, deviation: float, column: str) -> Meaning:
    size = f"{deviation:.3g}"
    verdict = say("meaning.gross", column=column, deviation=size, kind=_stated(sampling))
    return Meaning(False, say("headline.gross", deviation=size), verdict, _causes(old))


def _stated(sampling: Sampling) -> str:
    return say("meaning.stated", logprobs=sampling.logprobs, details=sampling.details) if sampling.logprobs else ""


def _causes(old: bool) -> tuple[str, ...]:
    return (say("meaning.causes"),) if old else (say("meaning.causes"), say("meaning.updates"))


def _unknown(sampling: Sampling) -> Meaning:
    how = say("meaning.how_temperature" if sampling.logprobs else "meaning.how_both")
    known = say("meaning.known_raw" if sampling.logprobs else "meaning.known_not")
    return Meaning(
        None, say("headline.unknown"), say("meaning.unknown", how=how), (say("meaning.differ", known=known),)
    )
