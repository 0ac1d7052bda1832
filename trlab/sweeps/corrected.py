"""Corrections for a sampler that is not the learner: which level, which bounds, and completions
dropped at which delta.

Every arm is PPO around the learner (`recomputed`), every batch is used twice, as in `noise`. The
bounds are those that libraries ship or show: a truncation at 2 (TRL, verl), IcePop's mask with a
window of .5 to 2, a rejection of whole completions by the geometric mean of their ratios (verl),
and DeepSeek-V3.2's rule that drops completions with a negative advantage, with deltas from 1e-4 to
.5.

Known beforehand: `noise` had four of these arms on other seeds. With four bits PPO ended at .77,
with a truncation at .81, with a one-sided mask at .83; beside a sampler eight batches old at .53,
.65 and .64, and drawn around the sampler at .76. Of the first three nothing was decided. Four
batches of each arm ran on seed 905 with four bits: a mean within 1 % kept one token in fifty.
Predictions were written down before any run of this sweep.
"""

from pathlib import Path

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._second_round import BATCH

FILE = Path(__file__).with_name("_corrected.py")
INT4, LATE = {"sampler of": "int4"}, {"sampler of": "lag 8"}


def weighted(label: str, level: str, how: str, low: float, high: float) -> Variant:
    """PPO with a factor on its advantages."""
    return Variant(
        f"{FILE}:Weighted", {"level": level, "how": how, "low": low, "high": high}, label=label
    )


SWEEP = Sweep(
    title="corrections: level, bounds, dropped completions",
    round=3,
    text="When the sampler differs from the learner: which correction, at which level, within "
    "which bounds?",
    variants=(
        Variant("ppo", label="none"),
        weighted("token, at most 2", "token", "truncate", 0.0, 2.0),
        weighted("token, .5 to 2", "token", "mask", 0.5, 2.0),
        weighted("token, .8 to 1.25", "token", "mask", 0.8, 1.25),
        weighted("product, at most 2", "sequence", "truncate", 0.0, 2.0),
        weighted("product, .5 to 2", "sequence", "mask", 0.5, 2.0),
        weighted("mean, .9 to 1.1", "geometric", "reject", 0.9, 1.1),
        weighted("mean, .99 to 1.01", "geometric", "reject", 0.99, 1.01),
        *(
            Variant(f"{FILE}:Dropped", {"delta": d}, label=f"drop at {d:g}")
            for d in (1e-4, 1e-2, 0.5)
        ),
    ),
    axes=[Axis("sampler of", {"int4": {"sampler": "int4"}, "lag 8": {"lag": 8}})],
    seeds=range(1600, 1608),
    train={**BATCH, "epochs": 2, "anchor": "recomputed"},
    budget=Budget(steps=24, prompts=512, samples=4, common=1600),
    predictions=[
        Prediction(
            "with four bits a truncation helps", higher="token, at most 2", lower="none", at=INT4
        ),
        Prediction("and beside a late sampler", higher="token, at most 2", lower="none", at=LATE),
        Prediction(
            "IcePop's mask helps beside a late sampler",
            higher="token, .5 to 2",
            lower="none",
            at=LATE,
        ),
        Prediction(
            "a truncation and a mask with the same upper bound end alike with four bits, within .05",
            higher="token, at most 2",
            lower="token, .5 to 2",
            within=0.05,
            at=INT4,
        ),
        Prediction(
            "bounds as narrow as a clip silence what must be learnt beside a late sampler: it "
            "ends lower",
            higher="token, .5 to 2",
            lower="token, .8 to 1.25",
            at=LATE,
        ),
        Prediction(
            "a product over the completion leaves the window far more often, so it keeps fewer "
            "tokens",
            higher="token, .5 to 2",
            lower="product, .5 to 2",
            measure="kept",
            at=LATE,
        ),
        Prediction(
            "and it takes off later",
            higher="token, .5 to 2",
            lower="product, .5 to 2",
            measure="take_off",
            at=LATE,
        ),
        Prediction(
            "one percent around 1 for the mean rejects nearly everything: it takes off later than "
            "ten percent",
            higher="mean, .9 to 1.1",
            lower="mean, .99 to 1.01",
            measure="take_off",
            at=INT4,
        ),
        Prediction(
            "dropping at .5 nats per token drops next to nothing: with four bits it ends where "
            "none ends, within .05",
            higher="drop at 0.5",
            lower="none",
            within=0.05,
            at=INT4,
        ),
        Prediction(
            "dropping at 1e-4 drops about half of the wrong completions, and keeps fewer tokens "
            "than at .01",
            higher="drop at 0.01",
            lower="drop at 0.0001",
            measure="kept",
            at=INT4,
        ),
        Prediction(
            "wrong completions of a late sampler do harm: dropped at .01 it ends higher than none",
            higher="drop at 0.01",
            lower="none",
            at=LATE,
        ),
        Prediction(
            "and higher than with its tokens truncated",
            higher="drop at 0.01",
            lower="token, at most 2",
            at=LATE,
        ),
    ],
)
