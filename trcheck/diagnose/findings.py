"""What a diagnosis finds: the numbers that a terminal, a page or a file shows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from trcheck.diagnose.alignment import Alignment
from trcheck.diagnose.answer import Answer
from trcheck.diagnose.effects import Limits
from trcheck.diagnose.judgement import Judgement
from trcheck.diagnose.sample import Mean
from trcheck.diagnose.sampling import Sampling
from trcheck.diagnose.token_table import Example, TokenRow


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
class Scale:
    """The mismatch beside recorded ones: π_old/μ, or without `logp_old` π/μ."""

    deviation: float
    """Mean of |log ratio| over the unmasked tokens, nats."""
    kl: float
    outside: float
    largest: float
    """These three as in `trcheck.diagnose.scale.Row`."""
    below: str | None
    """The largest recorded mismatch that is not above this one; None: none is."""
    above: str | None
    text: str


@dataclass(frozen=True)
class Logged:
    """The sampler's mismatch as a trainer may log it: π_old/μ, or without `logp_old` π/μ, over the
    unmasked tokens."""

    how: str
    """"as it is", "truncate" (at most the cap) or "mask" (0 above the cap)."""
    mean: float
    largest: float


@dataclass(frozen=True)
class Effective:
    """Kish's effective sample size (Σ r)² / Σ r² as a share of the sample, r = π/μ."""

    tokens: float
    completions: float
    """With the product of a completion's ratios as its weight."""
    top: float
    """Share of all weight that the heaviest 1 % of the tokens hold."""


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
    """Share of all |A| that falls on silenced tokens; None: every A is 0."""
    reweighed: int
    turned: int


@dataclass(frozen=True)
class ClassRow:
    """Tokens that the sampler gave a probability from `low` to `high`."""

    low: float
    high: float
    count: int
    ratio: tuple[float, float, float]
    """1st, 50th and 99th percentile of the mismatch π_old/μ, or of π/μ where there is no
    `logp_old`."""
    tv: float
    """99th percentile of the binary total variation |π - μ|."""
    silenced: dict[str, int]
    """By the methods' keys."""


@dataclass(frozen=True)
class Point:
    """A token in the picture of all tokens: probability under μ and under π, and who silences
    it."""

    before: float
    after: float
    ppo: bool
    dppo: bool


@dataclass(frozen=True)
class Agreement:
    """Which tokens PPO and DPPO (binary TV) silence, and how likely the sampler found them at the
    median."""

    both: int
    ppo: int
    """Only PPO."""
    dppo: int
    """Only DPPO."""
    probability: tuple[float | None, float | None, float | None]
    """Of `both`, `ppo` and `dppo`; None: there are none."""


@dataclass(frozen=True)
class Curves:
    """Mean |π_old/μ| in logarithms, or without `logp_old` |π/μ|, nats per token, for a dashboard."""

    by_position: tuple[float, ...]
    """Over the counted tokens of each place, from the first on."""
    by_completion: tuple[float, ...]
    """In the order of the file, of those that have counted tokens."""


@dataclass(frozen=True)
class Findings:
    """Everything that the page says."""

    source: str
    layout: str
    completions: int
    positions: int
    """Tokens, masked ones included."""
    tokens: int
    """Unmasked."""
    prompts: int | None
    anchor: str
    """What PPO's ratio is relative to: "logp_old" where the file has it, else "logp_rollout"."""
    duals: str
    """What QUATRO's constraints were solved from."""
    limits: Limits
    sampling: Sampling
    """What is known of how the completions were drawn."""
    judgement: Judgement
    answer: Answer
    spreads: tuple[Spread, ...]
    histogram: Histogram
    unbiased: Mean
    """Of π_old/μ, or without `logp_old` of π/μ."""
    alignment: Alignment
    scale: Scale
    curves: Curves
    logged: tuple[Logged, ...]
    effective: Effective
    effects: tuple[EffectRow, ...]
    agreement: Agreement
    classes: tuple[ClassRow, ...]
    words: tuple[TokenRow, ...] | None
    """The most silenced tokens; None: the file does not say what the tokens are."""
    examples: tuple[Example, ...]
    points: tuple[Point, ...]
    recognised: tuple[tuple[str, str], ...]
    """Our name of a column and the file's, where another library's name was taken for it."""
    unread: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it, without the points of the picture."""
        values = asdict(self)
        del values["points"]
        return {**values.pop("judgement"), **values}
