"""Which numbers of a dump name a cause, and which are only unusual.

Every rule asks of a statistic how many of its errors (`_z`) it lies from what a healthy dump has,
and then whether it is larger than healthy engines make it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from trcheck.diagnose import thresholds as C

NAMES = (
    "non-finite",
    "unit",
    "column",
    "padding",
    "end",
    "shift",
    "pairing",
    "foreign-tokens",
    "support",
    "noise",
    "temperature",
    "edited-logits",
    "cache",
    "weights",
    "staleness",
    "dropout",
    "jump",
    "sign",
    "dead-groups",
    "truncation",
    "half-groups",
    "advantages",
)
"""Every cause, in the order in which they are told."""


class Values(dict[str, Any]):
    """The numbers by name, as attributes; of one that was not measured no comparison is true."""

    def __getattr__(self, name: str) -> Any:
        return self.get(name, math.nan)


Test = Callable[[Values], bool]


@dataclass(frozen=True)
class Rule:
    """A cause, the key of its sentences, and when it is named."""

    name: str
    key: str
    holds: Test


def steady(v: Values) -> bool:
    """Neither this batch's updates nor a sampler's age is what the numbers show: what a cause does,
    it does to the newest version's completions too."""
    aged = v.span > 0 and v.growth > 2
    return v.updated == 0 and v.learning == 0 and not aged


def line(v: Values, least: float = 0.5) -> bool:
    """A temperature explains the mismatch: log π/μ is a line in log μ to more than half (`least`), and
    in log π as well; every token above one half moves one way, and where none is, some rise and some
    fall. A learner that has sharpened leaves more than half unexplained."""
    way = 1 if v.slope_x > 0 else -1
    slopes = min(way * v.slope_x, way * v.slope_y) > 0.008
    certain = min(way * v.slope_x_z, way * v.slope_y_z) > 4
    alike = way * v.likely > 0.98 or v.likely == 0
    return slopes and certain and alike and v.explained > least and 0.1 < v.rising < 0.9


def missing(v: Values) -> bool:
    """Too small a mean of π/μ, where no update raises it."""
    return v.ratio_b < -0.005 and v.ratio_b_z < -5


def surplus(v: Values) -> bool:
    """Too large a mean of π/μ, where no update lowers it."""
    return v.ratio_a > 0.005 and v.ratio_a_z > 5


def few_far(v: Values) -> bool:
    """A few ratios far from 1, in completions that are none of a few far ones."""
    return v.tail > 0.0004 and v.tail_z > 3 and v.still > 0.35 and v.paired == 0


def grown(v: Values) -> bool:
    """At least twice what it was in the dump before."""
    return v.jump > 2 and v.jump_z > 5 and v.more > 0.02


def reset(v: Values) -> bool:
    """It climbs from version to version, falls at once, and climbs again."""
    return v.climb > 0.8 and v.fall > 2 and v.fall_z > 5


def turned(v: Values) -> bool:
    """The updates since `logp_old` went against the advantages, on the whole and at most tokens that
    left PPO's window: neither noise nor momentum does that. Once they have moved the policy by nats
    the errors are large; then it counts that equal contexts were moved alike, as no noise moves
    them."""
    against = v.against_low > 0.6 and v.along_now_z < -6
    far = v.moved > 1 and v.against > 0.55 and v.along_now_z < (-3.3 if v.again < 0.05 else -4.5)
    return v.moved > 0.1 and v.n_out_now > 29 and (against or far)


def few_tails(v: Values) -> bool:
    """The mismatch lies in many tokens: a cut moves every open one, another expert a few."""
    return v.in_tail < 0.3


def noisy(v: Values) -> bool:
    """Two passes of the learner differ, and half of what left the window did so against its
    advantage."""
    return v.moved > 0.1 and v.n_out_now > max(29, 0.02 * v.n) and v.against_low > 0.33


def unlike(v: Values) -> bool:
    """Two passes of the learner differ, and by another amount in equal contexts."""
    left = v.moved > 0.1 and v.n_out_now > max(29, 0.02 * v.n)
    return left and 0.2 < v.again < 1 and abs(v.along_now_z) < 4


RULES = (
    Rule("foreign-tokens", "foreign", lambda v: v.low > 0.004 and v.low_z > 6 and v.low_bounds > 2),
    Rule("cache", "cache", lambda v: reset(v) and v.before > 0.05),
    Rule(
        "staleness",
        "staleness",
        lambda v: (
            v.span > 2.5
            and v.lag_z > 4
            and v.aging_z > 2
            and v.growth > 1.5
            and v.older > 0.1
            and v.youngest < C.HEALTHY
        ),
    ),
    Rule(
        "dropout",
        "dropout",
        # Of a change much larger than the mismatch only equal contexts tell that it is no update.
        lambda v: (
            noisy(v)
            and v.moved_share > 0.5
            and abs(v.along_now_z) < 4
            and v.again > 0.2
            and (v.moved_share < 2 or v.again < 1)
        ),
    ),
    Rule("support", "support_said", lambda v: v.holds == 0 and v.tempered == 0),
    Rule(
        "pairing",
        "everywhere",
        lambda v: (
            v.early_low > 2
            and v.early_same < 0.75
            and v.size_low > C.HEALTHY
            and v.moved_share < 0.5
        ),
    ),
    Rule(
        "edited-logits",
        "repeated",
        lambda v: (
            v.seen > 0.02
            and v.seen_z > 5
            and v.seen_explained > 0.1
            and v.early_low < 2
            and v.updated == 0
        ),
    ),
    Rule("edited-logits", "biased", lambda v: v.biased == 1 and v.size_low > 0.02 and steady(v)),
    Rule("temperature", "temperature", lambda v: line(v) and v.ratio_z < 4 and steady(v)),
    Rule(
        "support",
        "support",
        lambda v: (
            v.cut == 0
            and missing(v)
            and few_tails(v)
            and (v.rising < 0.01 or (v.rising < 0.23 and v.tail < 0.0002))
        ),
    ),
    Rule(
        "support",
        "support_raw",
        lambda v: (
            surplus(v)
            and few_tails(v)
            and (v.rising > 0.99 or (v.rising > 0.77 and v.tail < 0.0002))
        ),
    ),
    Rule("temperature", "temperature_said", lambda v: v.holds == 0),
    Rule(
        "noise",
        "noise",
        lambda v: (
            v.deviation > 0.06
            and v.n_sure > 30
            and v.sure > 0.5
            and v.slope_x > -0.04
            and v.moved_share < 0.5
            and v.likely < 0.5
        ),
    ),
    Rule(
        "temperature",
        "temperature_sampler",
        lambda v: (
            min(v.slope_x, v.slope_y, v.ratio) > 0.015
            and min(v.slope_x_z, v.slope_y_z, v.ratio_z) > 4
        ),
    ),
    Rule("pairing", "prompt", lambda v: few_far(v) and v.tail_placed > 0.8 and steady(v)),
    Rule(
        "edited-logits",
        "edited",
        lambda v: (
            few_far(v)
            and v.worded > 0.5  # else it may be another expert of a mixture, which moves no word
            and v.tail_spread > 0.75
            and v.rising < 0.3
            and v.early_low < 2
            and v.echo < 3
            and steady(v)
        ),
    ),
    Rule("jump", "jump", lambda v: grown(v) and v.updated == 0),
)
"""The first that holds names the cause."""

UNUSUAL: dict[str, Test] = {
    "slope": lambda v: (
        v.explained > 0.05 and v.slope_x < -0.004 and v.slope_y < -0.002 and v.slope_x_z < -4
    ),
    "rise": lambda v: (
        min(v.slope_x, v.slope_y) > 0.015
        and min(v.slope_x_z, v.slope_y_z) > 3.5
        and (v.likely > 0.98 or v.explained > 0.5)
        and v.learning == 0
    ),
    "early": lambda v: (
        v.early_low > 2 and v.early_same < 0.95 and v.size_low > 0.1 and v.learning == 0
    ),
    "seen": lambda v: v.seen > 0.02 and v.seen_z > 5 and v.seen_explained > 0.05,
    "cache": reset,
    "grows": lambda v: v.rise > 0.8 and v.later > 0.05,
    "jump": grown,
    "text": lambda v: v.size_low > C.TEXT,
    "size": lambda v: C.HEALTHY < v.size_low <= C.TEXT,
    "mass": missing,
    "mean": surplus,
    "tail": lambda v: v.tail_z > 2.4,
    "last": lambda v: v.last > 30 and v.last_z > 4 and v.last_deviation > 0.02,
    "aging": lambda v: v.span > 2.5 and v.lag_z > 5 and v.growth > 1.5 and v.older > 0.05,
    "far": lambda v: v.far > 0,
    # An update moves equal contexts alike.
    "passes": lambda v: (
        (noisy(v) or unlike(v)) and (v.again > 0.05 or (v.moved > 0.3 and v.moved_share < 2))
    ),
}
"""What is certain and has no name, or is too small for one: by the key of its words."""
