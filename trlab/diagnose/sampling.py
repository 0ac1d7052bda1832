"""Which log-probs a dump holds of the sampler, and what follows from that for the findings.

A sampler divides the logits by its temperature and may cut the distribution (top-p, top-k, penalties) before it draws.
*Processed* log-probs are taken after that: they are log μ of what was drawn from. *Raw* ones are taken before: they are
the model's own, at temperature 1, and another distribution unless nothing was changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from trlib import checks

KINDS = ("raw", "processed")
CAP = 10.0
"""Where `Unbiased.capped` cuts a ratio."""


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
        said = [
            f"{name} {value:g}"
            for name, value in (("temperature", self.temperature), ("top-p", self.top_p))
            if value is not None
        ]
        parts = [part for part in (", ".join(said), self.source) if part]
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
class Meaning:
    """What follows, in words."""

    holds: bool | None
    """Whether `logp_rollout` is log μ of the distribution that sampled; None: not known."""
    verdict: str
    reasons: tuple[str, ...]


def meaning(sampling: Sampling, unbiased: Unbiased) -> Meaning:
    """What the kind of the log-probs says about the findings.

    Args:
        sampling: what is known of it.
        unbiased: what the numbers say of it.
    """
    holds = sampling.holds
    if holds is False:
        return Meaning(holds, *_other(sampling, unbiased.old))
    cut = sampling.top_p not in (None, 1) and unbiased.mean < 1  # the sampler never draws what top-p removed
    if unbiased.deviates and not cut:
        return Meaning(False, *_contradicted(sampling, unbiased))
    if holds is None:
        return Meaning(holds, *_unknown(sampling))
    if sampling.logprobs == "processed":
        verdict = (
            f"They are processed{sampling.details}: logp_rollout is the log-prob of the distribution that "
            "sampled. The findings hold."
        )
    else:
        verdict = (
            f"They are the same, raw or processed{sampling.details}: at temperature 1 nothing is divided. The "
            "findings hold, as long as no top-p, top-k or penalty changed the distribution."
        )
    reasons = []
    if sampling.changed is not False:
        at = "that temperature" if sampling.temperature is None else f"temperature {sampling.temperature:g}"
        reasons.append(
            f"The learner has to score at the sampler's temperature, too: check that logp was computed at "
            f"{at}. Where it was not, it shows below as a mismatch."
        )
    if sampling.top_p not in (None, 1):
        reasons.append(
            f"With top-p {sampling.top_p:g} the sampler never draws from the rest, to which the learner "
            "gives a probability: the mean of a ratio to μ lies below 1 by as much."
        )
    return Meaning(holds, verdict, tuple(reasons))


def _other(sampling: Sampling, old: bool) -> tuple[str, tuple[str, ...]]:
    verdict = (
        f"They are raw, and the sampler changed the distribution{sampling.details}: logp_rollout is not the "
        "log-prob of the distribution that sampled."
    )
    free = (
        "What compares two passes of the learner holds: the clip ratio around logp_old and the staleness π/π_old."
        if old
        else "The file has no logp_old, so even the clip ratio is taken to logp_rollout: none of the "
        "findings is free of it."
    )
    return verdict, (
        "What takes logp_rollout for log μ does not hold: π/μ, the mismatch, the effective sample size, and what TIS, "
        "DPPO and QUATRO would do.",
        free,
        "It cannot be computed back. A log-prob divided by the temperature is not the log-prob at that temperature: "
        "the sum over the vocabulary is missing. Record it anew after the processors (vLLM: "
        "logprobs_mode=processed_logprobs).",
    )


def _contradicted(sampling: Sampling, unbiased: Unbiased) -> tuple[str, tuple[str, ...]]:
    ratio = "π_old/μ" if unbiased.old else "π/μ"
    capped = f" ({unbiased.capped:.4g} with every ratio cut at {CAP:g})" if unbiased.capped > 1 else ""
    kind = f" They are said to be {sampling.logprobs}{sampling.details}." if sampling.logprobs else ""
    verdict = (
        f"The numbers speak against them: over tokens that the sampler drew, the mean of {ratio} should be 1 and is "
        f"{unbiased.mean:.4g} ± {unbiased.error:.2g}{capped}.{kind} "
        "The findings below do not hold until this is explained."
    )
    causes = (
        "Look for log-probs shifted by one token, recorded before temperature, top-p or top-k were applied, or of a "
        "text that was tokenized anew."
    )
    if unbiased.old:
        return verdict, (causes,)
    return verdict, (
        causes,
        "Many updates on the same tokens also raise the mean of π/μ. Record the learner's log-probs before its first "
        "update as logp_old: their mean ratio must be 1 whatever the updates did.",
    )


def _unknown(sampling: Sampling) -> tuple[str, tuple[str, ...]]:
    how = "say --temperature" if sampling.logprobs else "say --logprobs raw or --logprobs processed, and --temperature"
    verdict = (
        f"It is not known whether logp_rollout is the log-prob of the distribution that sampled: {how}. The "
        "findings below take it for that."
    )
    known = (
        "They are raw"
        if sampling.logprobs
        else "vLLM records raw log-probs unless it is told otherwise; TRL, "
        "verl and prime-rl tell it to record processed ones"
    )
    return verdict, (
        f"{known}. Raw and processed log-probs are the same at temperature 1 without top-p, top-k and "
        "penalties, and differ otherwise.",
    )
