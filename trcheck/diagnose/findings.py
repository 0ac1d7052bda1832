"""What a diagnosis finds: the numbers that a terminal, a page or a file shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from trcheck.diagnose.answer import Answer
from trcheck.diagnose.effects import Limits
from trcheck.diagnose.judgement import Judgement
from trcheck.diagnose.sampling import Sampling


@dataclass(frozen=True)
class Spread:
    """How one ratio is distributed over the unmasked tokens."""

    key: str
    """"whole", "staleness" or "mismatch"."""
    quantiles: tuple[float, ...]
    """At `trcheck.diagnose.report.QUANTILES`, interpolated in the logarithm."""
    mean: float
    outside: float
    """Share of tokens outside PPO's window."""
    one: float
    """Share of tokens whose ratio is exactly 1."""
    kl: float | None
    """KL(mu || .), nats per token, by k3; None where the ratio's denominator did not sample."""
    tv: float | None
    """Total variation of a token, by mean |r - 1| / 2; None likewise."""


@dataclass(frozen=True)
class Histogram:
    """Tokens by log2 of the ratio π/anchor, from -reach to reach; what lies beyond is counted in
    the last bins."""

    reach: float
    kept: tuple[int, ...]
    silenced: tuple[int, ...]
    """By PPO."""


@dataclass(frozen=True)
class EffectRow:
    """An effect, counted."""

    key: str
    name: str
    anchor: str
    silenced: int
    share: float
    positive: float | None
    """Share among tokens with A > 0; None: there are none."""
    negative: float | None
    advantage: float | None
    """Share of all |A| that falls on clipped tokens; None: every A is 0."""
    reweighed: int


@dataclass(frozen=True)
class Curves:
    """Mean |π_old/μ| in logarithms, or without `logp_old` |π/μ|, nats per token, for a dashboard."""

    by_position: tuple[float, ...]
    """Over the counted tokens of each place, from the first on."""
    by_completion: tuple[float, ...]
    """In the order of the file, of those that have counted tokens."""


@dataclass(frozen=True)
class Findings:
    """Everything that the report says."""

    source: str
    layout: str
    completions: int
    positions: int
    """Tokens, masked ones included."""
    tokens: int
    """Unmasked."""
    anchor: str
    """What PPO's ratio is relative to: "logp_old" where the file has it, else "logp_rollout"."""
    limits: Limits
    sampling: Sampling
    """What is known of how the completions were drawn."""
    judgement: Judgement
    answer: Answer
    spreads: tuple[Spread, ...]
    histogram: Histogram
    curves: Curves
    effective: float
    """Kish's effective sample size (Σ r)² / Σ r² as a share of the tokens, r = π/μ."""
    effects: tuple[EffectRow, ...]
    recognised: tuple[tuple[str, str], ...]
    """Our name of a column and the file's, where another library's name was taken for it."""
    unread: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        values = asdict(self)
        return {**values.pop("judgement"), **values}
