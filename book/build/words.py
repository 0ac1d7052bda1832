"""How a page calls what a record holds: measures, axes and the points of an axis.

A record's names are made for code; what they vary is said here. In the first round an axis is
called `updates` and its points 1, 8 and 32: one update with the whole batch, one epoch over eight
minibatches, and four epochs over eight minibatches.
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


CUT = {"1": "1 update", "8": "8 minibatches", "32": "8 minibatches, 4 epochs"}
AXES = {
    "updates": Axis("updates per batch", CUT),
    "reuse": Axis("updates per batch", CUT),
    "uses": Axis("epochs"),
    "lr": Axis("learning rate", write=lambda label: written_rate(float(label))),
    "logit_noise": Axis("noise"),
    "rate": Axis("learning rate"),
    "lag": Axis("lag, batches"),
}


@dataclass(frozen=True)
class Measure:
    """A number of a run as a page calls it."""

    text: str
    """In a sentence and beside a figure."""
    digits: int | None = 2
    """Decimals; None: two significant digits."""


MEASURES = {
    "sampled": Measure("sampled accuracy"),
    "worst": Measure("worst run, and how many collapsed"),
    "basin_width": Measure("width of the basin, decades"),
    "basin_high": Measure("log10 of the highest learning rate that works"),
    "tenfold": Measure("accuracy at ten times the best learning rate"),
    "collapsed": Measure("share of runs that collapsed"),
    "greedy": Measure("greedy accuracy"),
    "pass_at_most": Measure("pass@k"),
    "best_of_most": Measure("right completions, best of k by reward"),
    "distinct": Measure("different right completions", digits=1),
    "take_off": Measure("mean reward of the first ten batches"),
    "batches_to": Measure("batches to a reward of 0.7", digits=1),
    "half_life": Measure("first batch at most half as good as the best before", digits=1),
    "kl": Measure("KL per batch, nats per token", None),
    "tv_max": Measure("largest total variation of a token"),
    "kl_aside": Measure("KL per batch on held-out completions, nats per token", None),
    "gain": Measure("surrogate's gain on the batch's own completions", None),
    "gain_aside": Measure("surrogate's gain on held-out completions", None),
    "luck": Measure("overfitting: gain on the batch's own completions minus gain on others", None),
    "kl_median": Measure("median KL per batch on held-out completions, nats per token", None),
    "kl_own_median": Measure("median KL per batch on its own completions, nats per token", None),
    "noise": Measure("sqrt(KL / completions)", None),
    "fits": Measure("updates per batch", digits=1),
    "right_peak": Measure("right completions in the best three batches"),
    "right_stopped": Measure("right completions when stopped at two nats from the reference"),
    "kl_ref_end": Measure("KL to the reference at the end, nats per completion", digits=1),
    "kl_sampler": Measure("KL between sampler and learner, nats per token", None),
    "entropy": Measure("entropy, nats per token"),
    "kept": Measure("share of tokens kept"),
    "length": Measure("tokens per completion", digits=1),
    "reward": Measure("mean reward of the last five batches"),
    "cpu_seconds": Measure("processor seconds", digits=1),
    **{
        f"kl_{part}": Measure(
            f"KL of prompts with {share} of the group right, nats per completion", None
        )
        for part, share in (
            ("few", "up to a quarter"),
            ("half", "up to three quarters"),
            ("many", "nearly all"),
        )
    },
}
WORDS = {name: measure.text for name, measure in MEASURES.items()}
HEADINGS = {
    "worst": "worst (collapsed)",
    "greedy": "greedy",
    "entropy": "entropy",
    "batches_to": "batches to 0.7",
    "kl": "KL per batch",
    "kl_median": "median KL, held out",
}
"""Of a table's column, where the text would be too long."""


def axis(name: str) -> Axis:
    """An axis by its name in a record; one that has no words here is called by its name."""
    return AXES.get(name, Axis(name))


def measure(name: str) -> Measure:
    """A measure by its name in a record; `entropy@0.7` is entropy where the reward reaches 0.7."""
    return MEASURES.get(name.partition("@")[0], Measure(name, digits=None))
