"""Which log-probs of the sampler a dump holds.

A sampler divides the logits by its temperature and may cut the distribution (top-p, top-k,
penalties) before it draws. *Processed* log-probs are taken after that: they are log μ of what was
drawn from. *Raw* ones are taken before: they are the model's own, at temperature 1, and another
distribution unless nothing was changed.
"""

from __future__ import annotations

from dataclasses import dataclass

from trlib import checks

KINDS = ("raw", "processed")


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
                checks.number(
                    name,
                    getattr(self, name),
                    above=0,
                    below=None if most else float("inf"),
                    most=most,
                )

    @property
    def changed(self) -> bool | None:
        """Whether the sampler drew from another distribution than the model's own; None: not
        known."""
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
