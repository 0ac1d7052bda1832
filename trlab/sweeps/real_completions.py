"""More completions or fewer fits, in a model that has read: SmolLM2-135M on two-digit sums.

`real_distance` compared 8 prompts that are used eight times with 64 that are gone through once, and
so changed two things at once. Here is the arm that tells them apart: four times the prompts, used
eight times. All runs make six batches of eight updates, at the rate at which 8 prompts break.

Known beforehand: `real_distance` with other seeds (at 1e-3 its ten batches of 8 prompts are best
after one batch, at a reward of .29, and end from .00 to .29; 64 prompts, used once, end from .49 to
.71). No run with 32 prompts was made. Predictions were written down before any run of this sweep. The
risky one is that using 32 prompts eight times costs something.
"""

from dataclasses import replace

from trlab import Axis, Prediction, Variant
from trlab.sweep import load_sweep

MAP = load_sweep("real_map")
TRAIN = {name: value for name, value in MAP.train.items() if name != "epochs"}

SWEEP = replace(
    MAP,
    title="a real language model: completions or fits",
    round=5,
    text="Does SmolLM2 bear a high rate because a batch holds many completions, or because none is "
    "fitted twice?",
    variants=[
        Variant("pg_is", label="8 x 8", train={"epochs": 8}),
        Variant("pg_is", label="32 x 8", train={"prompts": 32, "epochs": 8}),
        Variant("pg_is", label="32 x 1", train={"prompts": 32, "minibatches": 8}),
    ],
    axes=[Axis("lr", (1e-3,))],
    seeds=range(7110, 7116),
    budget=replace(MAP.budget, steps=6),
    train=TRAIN,
    aside=True,
    provenance="Six seeds, because a run takes minutes: enough for a large difference, for no "
    "small one.",
    predictions=[
        Prediction(
            "four times the prompts end higher, used eight times as well", "32 x 8", "8 x 8"
        ),
        Prediction("used once, they end higher than used eight times", "32 x 1", "32 x 8"),
        Prediction("and 32 prompts used eight times end above .3", "32 x 8", 0.3),
    ],
)
