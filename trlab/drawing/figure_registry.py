"""The figures of recorded sweeps, by name: which part of which sweep each shows, and how it is
drawn.

The book draws them from here; `trlab.drawing.recorded.draw` draws one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from trlab.findings import at
from trlab.measures import LEVEL
from trlab.statistics import DROP
from trlib.errors import unknown

if TYPE_CHECKING:
    import pandas as pd

Kind = Literal[
    "intervals",
    "curves",
    "frontier",
    "history",
    "matched",
    "rates",
    "against",
    "crossed",
]


PUSH_LINES = {
    "R log": "R log π: plain rewards",
    "clip on R": "PPO's clip on R",
    "clip": "PPO's clip on A",
    "troll": "TROLL on A",
    "r A": "r A: the unclipped run",
    "1 and -1 log": "(2R − 1) log π: 1 and −1",
}
CURES = {
    "plain": "nothing",
    "centered": "centering",
    "tis": "a weight of at most 2 (TIS)",
    "centered, tis": "centering and TIS",
    "clip": "PPO's clip",
}
"""What is done about a sampler that is not the learner."""
PULLS = {
    "A - 0.1": "(A − 0.1) log π",
    "A": "A log π",
    "A + 0.1": "(A + 0.1) log π",
    "A + 0.3": "(A + 0.3) log π",
    "A + 1": "(A + 1) log π",
    "R": "R log π: plain rewards",
    "R, centered": "R log π, centered",
    "A + 0.3, centered": "(A + 0.3) log π, centered",
    "A, centered": "A log π, centered",
}
"""The arms of `two_samplers`: from the least pull to the most, then without it."""
PUSH = {
    **PUSH_LINES,
    "right log": "max(A, 0) log π: right answers alone",
    "R log, mixed groups": "R log π, mixed groups alone",
    "A + 1 log": "(A + 1) log π",
    "A + 0.3 log": "(A + 0.3) log π",
    "A + 0.1 log": "(A + 0.1) log π",
    "A log": "A log π",
    "A log - mean KL": "A log π − mean reward × KL",
    "r R": "r R",
    "r right": "r max(A, 0)",
    "r wrong": "r min(A, 0)",
    "r 1 and -1": "r (2R − 1)",
    "clip on wrong": "clip on A < 0 alone",
    "clip on right": "clip on A > 0 alone",
    "dppo": "DPPO on A",
}
"""The arms of `push` in a reader's words."""


@dataclass(frozen=True)
class Figure:
    """A figure of a recorded sweep."""

    sweep: str
    """The sweep's name."""
    kind: Kind
    """How it is drawn: rows with intervals; curves over `along`; accuracy against nats; a history
    with bands; a measure at matched reward; curves over learning
    rates, a panel for each point of `along`; the measure against another one, `along`, of several
    sweeps; the same for arms that cross how many prompts a batch has with how often it fits them."""

    text: str
    """What it shows, in a sentence: its caption."""
    at: Mapping[str, str] = field(default_factory=dict)
    """The point of each axis that it does not show."""
    only: Sequence[str] = ()
    """Labels of the variants that it shows; empty: all."""
    called: Mapping[str, str] = field(default_factory=dict)
    """What a reader calls variants in rows with intervals, where their labels are not plain."""
    along: str = ""
    """The axis of curves, the one whose points a frontier joins, or the one whose points a row puts
    together."""
    axis: str = ""
    """What a reader calls `along`; empty: its name."""
    measure: str = "sampled"
    """A measure of the record, or a column of the history."""
    words: str = "sampled accuracy"
    """What a reader calls the measure."""
    control: str = ""
    """The variant that others are compared with: in curves a cross shows where another lies `drop`
    below it."""
    drop: float | None = None
    beside: Sequence[str] = ()
    """Further sweeps whose recorded runs it shows together with these."""
    line: float | None = None
    """Where a dotted line stands: a reward, a radius."""

    def of(self, runs: pd.DataFrame) -> pd.DataFrame:
        """Its part of a sweep's runs."""
        here = at(runs, self.at)
        return here[here["label"].isin(self.only)] if self.only and len(here) else here


def _rewards(sweep: str, text: str, at: Mapping[str, str]) -> Figure:
    """Reward over batches, at one point of the axes."""
    return Figure(sweep, "history", text, at=at, measure="reward", words="mean reward", line=LEVEL)


REFIT = {
    "pg_is-again": "unclipped, reused",
    "pg_is-parts": "unclipped, split",
    "pg_is-new": "unclipped, fresh",
    "ppo-again": "PPO, reused",
    "ppo-parts": "PPO, split",
}
FIGURES: dict[str, Figure] = {
    "basin-curves": Figure(
        "basin",
        "rates",
        "At a low rate four of five end level; at a rate that is too high the region decides "
        "what is left. Accuracy after 24 batches, each used 16 times; bands: 95 %.",
    ),
    "ends-by-distance": Figure(
        "basin",
        "against",
        "256 prompts survive a distance that ruins 16 prompts fitted sixteen times, whether they "
        "are fitted sixteen times themselves (blue) or once: ends against how far a batch goes. A "
        "point is a method at one rate, with 95 % intervals; lines join its rates.",
        along="kl",
        axis="KL per batch, nats per token",
        beside=("refit", "refit_size"),
    ),
    "completions": Figure(
        "completions",
        "crossed",
        "At a short distance a run's end goes with how many prompts a batch has, at a long one "
        "also with how often they are fitted: accuracy of "
        "unclipped runs after 24 batches of sixteen updates against the median KL of a batch on "
        "completions that no update sees, twelve runs each, with 95 % intervals. Lines join an "
        "arm's two distances.",
        along="kl_median",
        axis="median KL per batch, held out, nats per token",
    ),
    "age-equal": Figure(
        "age_equal",
        "crossed",
        "On old completions a run's end goes mostly with how far they are: accuracy after 384 "
        "updates against the median KL from the policy that wrote a batch to the one after its "
        "update, twelve runs each, with 95 % intervals. Lines join an arm's two rates.",
        along="kl_own_median",
        axis="median KL per batch, nats per token",
    ),
    "distance-by-batch": Figure(
        "distance_between",
        "history",
        "One mean, two courses: both arms move 0.05 nats per token and batch on the average of a "
        "run. A run on split data moves most of its way in the first batches, one on reused data "
        "goes on moving. Lines: means of 16 runs; bands: 95 %.",
        only=("pg_is-parts, 0.05", "pg_is-again, 0.05"),
        called={"pg_is-parts, 0.05": "split", "pg_is-again, 0.05": "reused"},
        measure="kl",
        words="KL of the batch, nats per token",
    ),
    "corrected-late": Figure(
        "corrected",
        "intervals",
        "PPO with a sampler eight batches old, every batch used twice at a learning rate of "
        "3e-4: accuracy after 24 batches, eight seeds each. The first word is the ratio to the "
        "sampler that is bounded: a token's, the product over the completion, or its geometric "
        "mean. At most 2 truncates it, a window masks; drop leaves out completions with a "
        "negative advantage and more nats per token than this.",
        at={"sampler of": "lag 8"},
    ),
    "corrected-drop": Figure(
        "corrected",
        "intervals",
        "Completions dropped, with a sampler eight batches old, every batch used twice at a "
        "learning rate of 3e-4: accuracy after 24 batches, eight seeds each. Drop: completions "
        "with a negative advantage whose mean log μ/π is above this many nats per token. The "
        "dotted line is the base model.",
        at={"sampler of": "lag 8"},
        only=("none", "token, at most 2", "drop at 0.0001", "drop at 0.01", "drop at 0.5"),
    ),
    "entropy-history": Figure(
        "entropy",
        "history",
        "Entropy over batches with four epochs over each, at a learning rate of 3e-4: PPO, a clip "
        "that is wider above 1, and a bonus on the entropy in the loss. Eight seeds each.",
        at={"place": "4 uses"},
        measure="entropy",
        words="entropy, nats per token",
    ),
    "gated": Figure(
        "gated",
        "rates",
        "Reuse that stops when held-out completions gain no more (gated) survives rates at which "
        "fitting everything (32) falls, and a lower rate needs no gate. Accuracy after 24 batches, "
        "each fitted up to sixteen times; permuted: rewards dealt again within each prompt. Eight "
        "runs each; bands: 95 %.",
    ),
    "push": Figure(
        "push",
        "intervals",
        "Plain rewards without baseline, ratio or region hold a run that PPO's clip on advantages "
        "holds in part, and the same rewards written as 1 and −1 lose it: accuracy after 24 batches "
        "of 16 prompts, each used 16 times, at a learning rate of 1e-4, with 95 % intervals. R is "
        "the reward, 1 or 0; A is R less its group's mean; r multiplies by the ratio.",
        at={"lr": "0.0001"},
        called=PUSH,
    ),
    "push-equal": Figure(
        "push_equal",
        "crossed",
        "Aimed at an equal short distance rewards of 1 and −1 end near rewards of 1 and 0; the clip on "
        "advantages ends lowest at both distances: accuracy after 24 batches of 16 prompts, each used "
        "16 times, against the median KL of a batch on completions that no update saw. Each arm has "
        "a learning rate of its own for each distance; lines join them. Twelve runs each, with 95 % "
        "intervals.",
        along="kl_median",
        axis="median KL per batch, held out, nats per token",
    ),
    "push-spend": Figure(
        "push_spend",
        "intervals",
        "On a task with thousands of right answers the push decides more: accuracy after 24 batches "
        "of 16 prompts, each used 16 times, at a learning rate of 1e-4. Twelve runs each, with 95 % "
        "intervals; dotted: before training.",
        at={"lr": "0.0001"},
        called=PUSH,
    ),
    "age": Figure(
        "age",
        "rates",
        "How old completions may be depends on the rate: accuracy after 384 updates, each on fresh "
        "prompts that the policy of 0 to 64 updates ago has answered, once. Eight runs each; bands: "
        "95 %.",
    ),
    "refit": Figure(
        "refit",
        "intervals",
        "Sixteen prompts used sixteen times break a run; 256 prompts used once, as old in "
        "updates, do not: accuracy after 384 updates at a learning rate of 1e-4. Twelve runs "
        "each, 95 % intervals; dotted: the base model.",
        at={"lr": "0.0001"},
        only=tuple(REFIT),
        called=REFIT,
    ),
    "refit-hot": Figure(
        "refit",
        "intervals",
        "The same at three times the learning rate, 3e-4.",
        at={"lr": "0.0003"},
        only=tuple(REFIT),
        called=REFIT,
    ),
    "best-frontier": Figure(
        "best",
        "frontier",
        "The same ten at 16 epochs: accuracy against nats; filled where no other method reaches as "
        "much for as little.",
        at={"uses": "16"},
    ),
    "best-take-off": Figure(
        "best",
        "curves",
        "The same ten: the mean reward of the first ten batches.",
        along="uses",
        measure="take_off",
        words="mean reward of the first ten batches",
    ),
    "real-map": Figure(
        "real_map",
        "rates",
        "SmolLM2-135M on sums of two numbers, every batch of 8 prompts x 8 completions used "
        "eight times: accuracy after ten batches against the learning rate. Once: every batch is "
        "used once. Warm-up: two updates. Three seeds, each drawn: a map, not a comparison.",
    ),
    "gallery-best": Figure(
        "gallery_best",
        "intervals",
        "The gallery with eight epochs over every batch, each method at its own best learning rate: "
        "accuracy after 24 batches, eight seeds each, with 95 % intervals. The last four of the "
        "objectives learn from an expert.",
        at={"uses": "8"},
    ),
    "relay-hot": Figure(
        "relay_best",
        "intervals",
        "The task relay with a sampler two batches behind, every batch used four times, at a "
        "learning rate of 1.5e-3: accuracy after twelve batches, twelve seeds each, with 95 % "
        "intervals. The dotted line is the base model.",
        at={"rate": "hot"},
    ),
    "relay-2026": Figure(
        "relay_2026",
        "intervals",
        "Seven methods of 2026 on relay, at a learning rate of 1.5e-3: accuracy after twelve "
        "batches, eight seeds each, with 95 % intervals. Partial: a completion is written by three "
        "policies in turn. The dotted line is the base model.",
        at={"rate": "hot"},
    ),
    "distil": Figure(
        "distil",
        "intervals",
        "A teacher on own samples, on dial: accuracy after twelve batches of 64 completions, each "
        "used four times, at a learning rate of 3e-4; eight seeds each, with 95 % intervals. The "
        "teacher itself is right in 0.86 of its samples. The dotted line is the base model.",
    ),
    "reuse": Figure(
        "reuse",
        "curves",
        "Accuracy over the epochs of a whole batch, compared with as many updates from fresh "
        "batches; a cross marks where a method first lies five points below them.",
        along="uses",
        control="on-policy",
        drop=DROP,
    ),
    "minibatches": Figure(
        "minibatches",
        "curves",
        "Accuracy over the minibatches of a batch that is used once, compared with fresh batches "
        "of the same size.",
        along="minibatches",
        control="on-policy",
        drop=DROP,
    ),
    "tuned": Figure(
        "tuned", "curves", "Ten methods, tuned alike, over the epochs of a batch.", along="uses"
    ),
    "rare": _rewards(
        "rare",
        "Mean reward where the words that must grow are rare. Every batch is cut into eight "
        "minibatches and used twice.",
        {"parts": "8 minibatches, 2 epochs"},
    ),
    "int4": Figure(
        "noise", "intervals", "A sampler with four-bit weights.", at={"sampler of": "int4"}
    ),
    "two-samplers-late": Figure(
        "two_samplers",
        "intervals",
        "A sampler sixteen updates late: a pull towards it holds a run, plain rewards best, and "
        "centering, which takes the pull away, loses it. Accuracy after 384 batches, each used once at "
        "3e-4, twelve runs each, with 95 % intervals; dotted: in its first batch.",
        at={"sampler": "lag 16"},
        called=PULLS,
    ),
    "two-samplers-rounded": Figure(
        "two_samplers",
        "intervals",
        "A sampler of four-bit weights, the same arms: a pull towards it loses a run, and centering holds "
        "what plain rewards lose.",
        at={"sampler": "int4"},
        called=PULLS,
    ),
    "drift-rounded": Figure(
        "drift",
        "intervals",
        "A sampler with four-bit weights, every batch used once: the clip around the sampler loses "
        "what the model knew, and everything else learns. Accuracy after 384 updates at 3e-4, twelve "
        "runs each, with 95 % intervals; dotted: before training.",
        at={"sampler": "int4"},
        called=CURES,
    ),
    "drift-late": Figure(
        "drift",
        "intervals",
        "A sampler 16 updates behind, every batch used once: the clip holds every run, a weight some, "
        "and centering alone none. Accuracy after 384 updates at 3e-4, twelve runs each, with 95 % "
        "intervals; dotted: before training.",
        at={"sampler": "lag 16"},
        called=CURES,
    ),
    "signed": Figure(
        "signed",
        "curves",
        "Masks that let a token back in, and masks that do not, over the epochs of a batch.",
        along="uses",
    ),
    "signed-kl": Figure(
        "signed",
        "curves",
        "How far a batch moves the policy under the masks that let a token back in and those that "
        "do not.",
        along="uses",
        measure="kl",
        words="KL per batch, nats per token",
    ),
    "tuning-two": Figure(
        "tuning",
        "curves",
        "Accuracy over PPO's window and TROLL's bound, as multiples of their defaults: a narrower "
        "window serves PPO here, and TROLL changes little. Two runs each; bands: 95 %.",
        only=("ppo", "troll"),
        along="threshold",
        axis="threshold, as a multiple of the default",
    ),
    "critic-eight": Figure(
        "critic",
        "intervals",
        "A critic and a penalty at eight updates per batch: a critic's interval reaches lower than "
        "PPO's. Bars: 95 %; thin strokes: the runs; dotted: before training.",
        at={"updates": "8"},
        called={"critic-lam1": "PPO with a critic, λ = 1"},
    ),
    "spend-entropy": Figure(
        "diversity",
        "matched",
        "Entropy on `spend` where the reward reaches 0.7, eight minibatches.",
        at={"updates": "8"},
        only=("ppo", "dppo-tv", "quatro", "troll"),
        measure="entropy",
        words="entropy, nats per token",
        line=LEVEL,
    ),
    "controls-once": Figure(
        "controls",
        "intervals",
        "Rewards that say nothing, one update per batch: shuffled advantages may have risen above "
        "the start. Bars: 95 %; thin strokes: the runs; dotted: before training.",
        at={"reuse": "1"},
        called={
            "coin": "PPO, a coin's rewards",
            "coin-unclipped": "unclipped, a coin's rewards",
            "shuffled": "PPO, shuffled advantages",
        },
    ),
    "trapo": Figure(
        "trapo",
        "intervals",
        "An expert on prompts longer than the policy has read.",
        at={"moves": "1 to 12"},
    ),
    "updates": Figure(
        "updates",
        "rates",
        "Sixteen parts of a batch, each fitted once, do as well as sixteen fits of it, and one update "
        "of each batch takes longer: accuracy after 24 batches over the learning rate, without "
        "warm-up, twelve runs each; bands: 95 %.",
        at={"warm-up": "none"},
    ),
    "families": Figure(
        "families_spend",
        "rates",
        "On `spend`, too, 64 prompts bear a rate that 16 do not: accuracy after 24 batches, each fitted "
        "once or sixteen times. Bands: 95 %.",
    ),
    "troll-parts": Figure(
        "troll_parts",
        "intervals",
        "TROLL with its regression, a tenth of it and none, and with the tail of the vocabulary left "
        "out in three ways: accuracy after 24 batches, eight seeds each, with 95 % intervals.",
    ),
    "real-methods": Figure(
        "real_methods",
        "intervals",
        "SmolLM2-135M, every batch used eight times (once: one time), at a learning rate of 1e-5: "
        "accuracy after sixteen batches. Three seeds, each drawn: a description, not a comparison.",
        at={"lr": "1e-05"},
    ),
    "real-completions": Figure(
        "real_completions",
        "intervals",
        "SmolLM2-135M at a learning rate of 1e-3: prompts in a batch, and how often they are fitted; "
        "accuracy after six batches, six seeds each, with 95 % intervals.",
    ),
}
"""Every figure by its name."""


def figure(name: str) -> Figure:
    """A figure by its name.

    Raises:
        ValueError: there is none of that name (the nearest is suggested).
    """
    if name not in FIGURES:
        raise unknown("figure", name, FIGURES)
    return FIGURES[name]
