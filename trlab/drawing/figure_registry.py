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
    "difficulty",
    "matched",
    "rates",
    "basin",
    "basins",
    "edges",
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
    with bands; divergence against difficulty; a measure at matched reward; curves over learning
    rates, a panel for each point of `along`; the same with basins; basins alone; highest rates over
    the control's, a line for each point of `along`; the measure
    against another one, `along`, of several sweeps; the same for arms that cross how many prompts a
    batch has with how often it fits them."""

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


MAIN = ("pg_is", "ppo", "dppo-tv", "gspo", "troll")
"""The methods that the third round runs with sixteen seeds."""
WITHOUT_EXPERT = (
    *("pg_is", "ppo", "bapo", "minpro", "cpgd", "r2vpo", "capo", "trefree", "pb_ppo"),
    *("fixpo", "mdpo", "counterpol", "rebel", "lco", "lco-mse", "rover"),
    *("dpo", "tr_dpo", "adpo", "trpa", "opo", "dvpo"),
    *("muon", "frobenius", "sign", "auon", "hybrid_auon"),
)
"""What the gallery trains, less the methods that read an expert's answers."""
REFIT = {
    "pg_is-again": "unclipped, reused",
    "pg_is-parts": "unclipped, split",
    "pg_is-new": "unclipped, fresh",
    "ppo-again": "PPO, reused",
    "ppo-parts": "PPO, split",
}
REFIT_SIZE = {
    "again": "reused, 16 prompts",
    "again, 64": "reused, 64 prompts",
    "again, 256": "reused, 256 prompts",
    "parts": "split, 256 prompts",
}
FIGURES: dict[str, Figure] = {
    # the third round
    "basin": Figure(
        "basin",
        "basin",
        "Where each method works when every batch is used 16 times: accuracy after 24 batches "
        "against the learning rate, 16 seeds each, with 95 % intervals. The dotted line lies "
        "0.05 below the best of all; a bar shows at which rates a method stays above it, and an "
        "arrow that it does so up to the last rate that was run.",
    ),
    "basin-edges": Figure(
        "basin",
        "edges",
        "The highest learning rate at which each method still works, as a multiple of the "
        "unclipped run's, over the accuracy below the best end that one accepts: every batch used "
        "16 times, 24 batches, 16 seeds, with 95 % intervals. The rates that were run lie half a decade "
        "apart; between them the curves are straight.",
        control="pg_is",
    ),
    "horizon-edges": Figure(
        "horizon",
        "edges",
        "The highest learning rate at which PPO's clip still works, as a multiple of the unclipped "
        "run's, over the accuracy below the best end that one accepts, after 24 and after 120 "
        "batches, every batch used 16 times, with 95 % intervals. A curve ends where one of the two edges lies "
        "outside the rates that were run.",
        along="batches",
        axis="batches",
        control="pg_is",
    ),
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
    "completions-map": Figure(
        "completions_map",
        "crossed",
        "How many prompts a batch has, and how often it fits them, over how far it goes: accuracy "
        "of unclipped runs after 24 batches of sixteen updates against the median KL of a batch on "
        "completions that no update sees. Two runs at each point: a map, not a comparison.",
        along="kl_median",
        axis="median KL per batch, held out, nats per token",
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
    "age-equal-map": Figure(
        "age_equal_map",
        "crossed",
        "How far old completions take a policy, by region and age: accuracy after 384 updates "
        "against the median KL from the policy that wrote a batch to the one after its update. "
        "Two runs at each point: a map, not a comparison.",
        along="kl_own_median",
        axis="median KL per batch, nats per token",
    ),
    "age-equal-map-more": Figure(
        "age_equal_map_more",
        "crossed",
        "The same at two higher rates, for the arms that had not moved by 0.1 nats.",
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
    "corrected-int4": Figure(
        "corrected",
        "intervals",
        "The same with a sampler whose weights are rounded to four bits.",
        at={"sampler of": "int4"},
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
    "entropy-many": Figure(
        "entropy",
        "history",
        "The same with sixteen epochs over each batch.",
        at={"place": "16 uses"},
        measure="entropy",
        words="entropy, nats per token",
    ),
    "basin-uses": Figure(
        "basin_map",
        "rates",
        "The same at 1, 4 and 16 epochs over every batch. Two seeds, each drawn: a map, not a "
        "comparison.",
        only=MAIN,
        along="uses",
        axis="epochs",
    ),
    "basin-map": Figure(
        "basin_map",
        "rates",
        "All ten methods at 16 epochs, two seeds; thin lines: the others.",
        at={"uses": "16"},
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
    "push-rates": Figure(
        "push",
        "rates",
        "At a low rate every push ends level; at 3e-4 the clip on plain rewards keeps most, and "
        "plain rewards alone about as much as TROLL on advantages. Accuracy after 24 batches, each "
        "used 16 times; bands: 95 %.",
        only=tuple(PUSH_LINES),
        called=PUSH_LINES,
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
    "push-erring": Figure(
        "push_erring",
        "intervals",
        "A verifier that errs leaves the order of the pushes as it is: accuracy after 24 batches, "
        "each used 16 times at a learning rate of 3e-5. Four kinds of errors together (5 or 20 in a "
        "hundred wrong answers earn 1, or as many right ones earn 0), twelve runs of each, with 95 % "
        "intervals; dotted: before training.",
        along="false",
        called={**PUSH_LINES, "right log": PUSH["right log"]},
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
    "refit-size": Figure(
        "refit_size",
        "intervals",
        "A large batch can be reused, a small one cannot: accuracy of unclipped runs after 384 "
        "updates at 1e-4. Sixteen runs each, 95 % intervals; dotted: the base model.",
        at={"lr": "0.0001"},
        called=REFIT_SIZE,
    ),
    "refit-size-hot": Figure(
        "refit_size",
        "intervals",
        "The same at three times the learning rate, 3e-4.",
        at={"lr": "0.0003"},
        called=REFIT_SIZE,
    ),
    "best": Figure(
        "best",
        "curves",
        "Ten methods, each at its own best learning rate, over the epochs of a batch (warm-up: ten "
        "updates, so ten batches of one epoch): accuracy "
        "after 24 batches, sixteen seeds each.",
        along="uses",
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
    "narrow-ppo": Figure(
        "basin_narrow",
        "basin",
        "PPO's window of 0.2, a third and a tenth of it, every batch used 16 times: accuracy after "
        "24 batches over the learning rate, twelve seeds each. Bars and the dotted line as above.",
        only=("ppo", "ppo-third", "ppo-tenth"),
    ),
    "narrow-dppo": Figure(
        "basin_narrow",
        "basin",
        "DPPO's threshold of 0.15 on the total variation, a third and a tenth of it.",
        only=("dppo-tv", "dppo-tv-third", "dppo-tv-tenth"),
    ),
    "narrow-troll": Figure(
        "basin_narrow",
        "basin",
        "TROLL's radius of 0.05 nats, a third and a tenth of it.",
        only=("troll", "troll-third", "troll-tenth"),
    ),
    "bases": Figure(
        "basin_bases",
        "intervals",
        "Two more base models together, every batch used 16 times at a learning rate of 1e-5: "
        "accuracy after 24 batches, eight seeds from each, with 95 % intervals. The dotted line "
        "is the mean of the two base models.",
        at={"lr": "1e-05"},
        along="base",
    ),
    "bases-hot": Figure(
        "basin_bases",
        "intervals",
        "The same at ten times the learning rate, 1e-4.",
        at={"lr": "0.0001"},
        along="base",
    ),
    "sgd": Figure(
        "sgd",
        "basin",
        "The basin with plain gradient descent, every batch used 16 times: accuracy after 24 "
        "batches over the learning rate, twelve seeds each. One arm has no region and clips the "
        "gradient's norm at 1.",
    ),
    "real-map": Figure(
        "real_map",
        "rates",
        "SmolLM2-135M on sums of two numbers, every batch of 8 prompts x 8 completions used "
        "eight times: accuracy after ten batches against the learning rate. Once: every batch is "
        "used once. Warm-up: two updates. Three seeds, each drawn: a map, not a comparison.",
    ),
    "real-whole": Figure(
        "real_whole",
        "rates",
        "The same model with all 135 million weights learning, every batch used eight times: "
        "accuracy after ten batches against the learning rate. Two seeds, each drawn: a map, not "
        "a comparison.",
    ),
    "real-own": Figure(
        "real",
        "intervals",
        "SmolLM2-135M on sums, every batch used eight times (once: one time; warm-up: two "
        "updates), at the learning rate that was chosen for each method on the map: accuracy "
        "after ten batches, eight seeds each, with 95 % intervals. The dotted line is the base model on the first batches.",
        at={"rate": "own"},
    ),
    "real-hot": Figure(
        "real",
        "intervals",
        "The same at a rate that is too high: 1e-3 for all but the runs that use a batch once, "
        "which have 3e-3.",
        at={"rate": "hot"},
    ),
    "gallery-map": Figure(
        "gallery_map",
        "basins",
        "Where the gallery's methods work when every batch is used eight times: the learning "
        "rates at which each ends within .05 of the best of these. A dot marks its best rate, "
        "and its end there is written beside the name; an arrow says that the rates that were "
        "run end first. Two seeds: a map, not a comparison. An optimiser's rates are multiples "
        "of those shown.",
        at={"uses": "8"},
        only=WITHOUT_EXPERT,
    ),
    "gallery-map-once": Figure(
        "gallery_map",
        "basins",
        "The same where every batch is used once.",
        at={"uses": "1"},
        only=WITHOUT_EXPERT,
    ),
    "gallery-best": Figure(
        "gallery_best",
        "intervals",
        "The gallery with eight epochs over every batch, each method at its own best learning rate: "
        "accuracy after 24 batches, eight seeds each, with 95 % intervals. The last four of the "
        "objectives learn from an expert.",
        at={"uses": "8"},
    ),
    "gallery-best-once": Figure(
        "gallery_best",
        "intervals",
        "The same where every batch is used once.",
        at={"uses": "1"},
    ),
    "relay-map": Figure(
        "relay_map",
        "basins",
        "Where the methods for stale data work on relay: the learning rates at which each ends "
        "within .05 of the best of these. A dot marks its best rate, and its end there is "
        "written beside the name; an arrow says that the rates that were run end first. Two "
        "seeds: a map, not a comparison.",
    ),
    "relay-hot": Figure(
        "relay_best",
        "intervals",
        "The task relay with a sampler two batches behind, every batch used four times, at a "
        "learning rate of 1.5e-3: accuracy after twelve batches, twelve seeds each, with 95 % "
        "intervals. The dotted line is the base model.",
        at={"rate": "hot"},
    ),
    "relay-narrow": Figure(
        "relay_narrow",
        "intervals",
        "Windows exchanged, on relay at a learning rate of 1.5e-3: PPO's clip on tokens with "
        "narrower windows, GSPO's and LUSPO's on whole completions with wider ones; accuracy "
        "after twelve batches, twelve seeds each, with 95 % intervals. PPO's own window is 0.2, "
        "GSPO's and LUSPO's 0.0003 and 0.0004. The dotted line is the base model.",
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
    "relay-sao": Figure(
        "relay_sao",
        "intervals",
        "One completion per prompt and a critic, on relay at PPO's own learning rate, 3e-4: "
        "accuracy after twelve batches, eight seeds each, with 95 % intervals. PPO and no region "
        "have groups of eight. The dotted line is the base model.",
        at={"rate": "own"},
    ),
    "relay-own": Figure(
        "relay_best",
        "intervals",
        "The same with each method at the learning rate that was chosen for it.",
        at={"rate": "own"},
    ),
    # the second round
    "reuse": Figure(
        "reuse",
        "curves",
        "Accuracy over the epochs of a whole batch, compared with as many updates from fresh "
        "batches; a cross marks where a method first lies five points below them.",
        along="uses",
        control="on-policy",
        drop=DROP,
    ),
    "reuse-reward": _rewards(
        "reuse", "Reward over batches that are used eight times.", {"uses": "8"}
    ),
    "reuse-kl": Figure(
        "reuse",
        "curves",
        "How far a batch moves the policy, over the epochs of a whole batch.",
        along="uses",
        measure="kl",
        words="KL per batch, nats per token",
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
    "thresholds": Figure(
        "grid",
        "frontier",
        "Accuracy against nats at five thresholds each, from a tenth of the default to ten times "
        "it.",
        at={"lr": "0.0003"},
        along="threshold",
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
    "rare-whole": _rewards(
        "rare", "The same with whole batches used eight times.", {"parts": "whole, 8 uses"}
    ),
    "noise": Figure(
        "noise", "intervals", "A sampler whose logits are noisy.", at={"sampler of": "noise 1"}
    ),
    "int4": Figure(
        "noise", "intervals", "A sampler with four-bit weights.", at={"sampler of": "int4"}
    ),
    "lag": Figure(
        "noise", "intervals", "A sampler eight batches behind.", at={"sampler of": "lag 8"}
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
    "difficulty": Figure(
        "perprompt",
        "difficulty",
        "Realised divergence of prompts by how many of their group were right; dotted: QUATRO's "
        "radius.",
        line=0.1,
    ),
    "matched-distinct": Figure(
        "matched",
        "matched",
        "Different right answers where the reward reaches 0.7.",
        measure="distinct",
        words="different right answers",
        line=LEVEL,
    ),
    "matched-entropy": Figure(
        "matched",
        "matched",
        "Entropy where the reward reaches 0.7.",
        measure="entropy",
        words="entropy, nats per token",
        line=LEVEL,
    ),
    "expert": Figure(
        "expert", "intervals", "An expert who errs at one move in five.", at={"expert": "errs"}
    ),
    "expert-right": Figure(
        "expert", "intervals", "An expert who is always right.", at={"expert": "always right"}
    ),
    # the first round
    "stale": Figure("stale", "intervals", "Eight minibatches, four times over."),
    "stale-reward": _rewards(
        "stale", "Reward over batches, eight minibatches four times over.", {}
    ),
    "shoot-out": Figure(
        "shootout",
        "curves",
        "Twelve methods at their default thresholds over the updates per batch, in minibatches of "
        "two prompts.",
        along="updates",
    ),
    "sensitivity": Figure(
        "tuning",
        "curves",
        "Accuracy over each method's threshold, as a multiple of its default.",
        along="threshold",
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
    "loops": Figure("loops", "intervals", "TRPO, critics and penalties, one update per batch."),
    "methods": Figure(
        "dial_methods", "intervals", "Every method with the loop's defaults, one update per batch."
    ),
    "critic": Figure(
        "critic",
        "intervals",
        "A critic and a penalty at 32 updates per batch.",
        at={"updates": "32"},
    ),
    "critic-eight": Figure(
        "critic",
        "intervals",
        "A critic and a penalty at eight updates per batch: a critic's interval reaches lower than "
        "PPO's. Bars: 95 %; thin strokes: the runs; dotted: before training.",
        at={"updates": "8"},
        called={"critic-lam1": "PPO with a critic, λ = 1"},
    ),
    "anchors": Figure(
        "mismatch",
        "intervals",
        "A region around a four-bit sampler.",
        at={"sampler": "int4", "anchor": "rollout"},
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
    "controls": Figure(
        "controls", "curves", "Rewards that say nothing, over the updates per batch.", along="reuse"
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
