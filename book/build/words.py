"""How a page calls what a record holds: measures, axes and the points of an axis.

A record's names are made for code; what they vary is said here. In the first round an axis is
called `updates` and its points 1, 8 and 32: the whole batch once, eight minibatches of it, and
those eight four times over.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from trlab.drawing.rates import written_rate


@dataclass(frozen=True)
class Axis:
    """An axis as a page calls it."""

    heading: str
    """Column heading."""
    points: dict[str, str] = field(default_factory=dict)
    """What its labels stand for, where they do not say it."""
    write: Callable[[str], str] = str
    """How every other label is written."""

    def point(self, label: object) -> str:
        """A label in words."""
        return self.points.get(str(label), self.write(str(label)))


CUT = {"1": "whole, once", "8": "8 minibatches", "32": "8 minibatches, 4 times"}
AXES = {
    "updates": Axis("batch used", CUT),
    "reuse": Axis("batch used", CUT),
    "uses": Axis("epochs"),
    "minibatches": Axis("minibatches"),
    "threshold": Axis("threshold"),
    "lr": Axis("learning rate", write=lambda label: written_rate(float(label))),
    "logit_noise": Axis("noise"),
    "rate": Axis("learning rate", {"own": "its own", "hot": "too high"}),
    "lag": Axis("lag, batches"),
}


@dataclass(frozen=True)
class Measure:
    """A number of a run as a page calls it."""

    text: str
    """In a sentence and beside a figure."""
    heading: str = ""
    """Column heading; empty: the text."""
    digits: int | None = 2
    """Decimals; None: two significant digits."""
    scale: float = 1.0


MEASURES = {
    "sampled": Measure("sampled accuracy", digits=2),
    "worst": Measure("worst run, and how many collapsed", "worst (collapsed)"),
    "basin_width": Measure("width of the basin, decades", "width, decades"),
    "basin_high": Measure("log10 of the rate at which the basin ends", "basin ends at"),
    "tenfold": Measure("accuracy at ten times the best rate", "at ten times the rate"),
    "collapsed": Measure("share of runs that collapsed", "collapsed"),
    "greedy": Measure("greedy accuracy", "greedy"),
    "pass_at_most": Measure("pass@k"),
    "distinct": Measure("distinct right answers", digits=1),
    "take_off": Measure("mean reward of the first ten batches", "early reward"),
    "batches_to": Measure("batches to a reward of 0.7", "batches to 0.7", digits=1),
    "peak": Measure("highest mean reward of three batches in a row", "best three batches"),
    "nats_per_point": Measure(
        "nats per point of accuracy, thousandths", "nats per point, thousandths", None, 1000.0
    ),
    "kl": Measure("KL per batch, nats per token", "KL per batch", None),
    "tv_max": Measure("largest total variation of a token", "largest TV"),
    "kl_seq_back": Measure("KL per batch, nats per completion", "KL per completion", None),
    "kl_aside": Measure(
        "KL per batch on held-out completions, nats per token", "KL, held out", None
    ),
    "gain": Measure("surrogate's gain on the batch's own completions", "gain, own", None),
    "gain_aside": Measure("surrogate's gain on held-out completions", "gain, held out", None),
    "luck": Measure(
        "luck fitted: gain on the batch's own completions less gain on others", "luck fitted", None
    ),
    "kl_median": Measure(
        "median KL per batch on held-out completions, nats per token", "median KL, held out", None
    ),
    "kl_own_median": Measure(
        "median KL per batch on its own completions, nats per token", "median KL, own", None
    ),
    "noise": Measure("sqrt(KL / completions)", digits=None),
    "luck_scale": Measure("luck fitted, in units of sqrt(KL / completions)", "luck / sqrt(KL/n)"),
    "rank": Measure("directions of the last hidden layer (99 % of the energy)", "rank", digits=1),
    "fits": Measure("updates per batch", "updates", digits=1),
    "kl_sampler": Measure(
        "KL between sampler and learner, nats per token", "KL to the sampler", None
    ),
    "ess": Measure("effective sample size, as a share"),
    "entropy": Measure("entropy, nats per token", "entropy"),
    "kept": Measure("share of tokens kept", "kept"),
    "length": Measure("tokens per completion", "length", digits=1),
    "reward": Measure("mean reward of the last five batches", "last reward"),
    "cpu_seconds": Measure("processor seconds", "CPU seconds", digits=1),
    **{
        f"kl_{part}": Measure(
            f"KL of prompts with {share} of the group right, nats per completion",
            f"KL, {share} right",
            None,
        )
        for part, share in (
            ("none", "none"),
            ("few", "up to a quarter"),
            ("half", "up to three quarters"),
            ("many", "nearly all"),
            ("all", "all"),
        )
    },
}
WORDS = {name: measure.text for name, measure in MEASURES.items()}


def axis(name: str) -> Axis:
    """An axis by its name in a record; one that has no words here is called by its name."""
    return AXES.get(name, Axis(name))


def measure(name: str) -> Measure:
    """A measure by its name in a record; `entropy@0.7` is entropy where the reward reaches 0.7."""
    column, _, level = name.partition("@")
    known = MEASURES.get(column, Measure(column, digits=None))
    if not level:
        return known
    return Measure(
        f"{known.text} where the reward reaches {level}",
        f"{known.heading or known.text} at reward {level}",
        known.digits,
    )
