"""More completions or fewer fits, in a model that has read: SmolLM2-135M on two-digit sums.

`real_distance` compared 8 prompts that are used eight times with 64 that are gone through once, and
so changed two things at once. Here is the arm that tells them apart: 64 prompts, used eight times.
All runs make ten batches of eight updates.

Known beforehand: `real_distance` and `real_distance_slower` with other seeds (at 1e-3 the six runs of
*8 x 8* end from .00 to .29 and those of *64 x 1* from .49 to .71; at 3e-4 from .27 to .61 and from
.70 to .77). No run of *64 x 8* was made. Predictions were written down
before any run of this sweep. The risky one is that at 1e-3 a batch of 64 prompts can be used eight
times.
"""

from dataclasses import replace

from trlab import Axis, Prediction, Variant
from trlab.sweep import load_sweep

MAP = load_sweep("real_map")
TRAIN = {name: value for name, value in MAP.train.items() if name != "epochs"}
SLOW, FAST = {"lr": "0.0003"}, {"lr": "0.001"}

SWEEP = replace(
    MAP,
    title="a real language model: completions or fits",
    round=5,
    text="Does SmolLM2 bear a high rate because a batch holds many completions, or because none is "
    "fitted twice?",
    variants=[
        Variant("pg_is", label="8 x 8", train={"epochs": 8}),
        Variant("pg_is", label="64 x 8", train={"prompts": 64, "epochs": 8}),
        Variant("pg_is", label="64 x 1", train={"prompts": 64, "minibatches": 8}),
    ],
    axes=[Axis("lr", (3e-4, 1e-3))],
    seeds=range(7090, 7096),
    train=TRAIN,
    aside=True,
    provenance="Six seeds, because a run takes minutes: enough for a large difference, for no "
    "small one.",
    predictions=[
        Prediction("at 3e-4 eight times the prompts end higher", "64 x 8", "8 x 8", at=SLOW),
        Prediction("at 1e-3 too", "64 x 8", "8 x 8", at=FAST),
        Prediction(
            "at 3e-4 it hardly matters how often 64 prompts are fitted: within .1",
            "64 x 1",
            "64 x 8",
            within=0.1,
            at=SLOW,
        ),
        Prediction("at 1e-3 fitting them once ends higher", "64 x 1", "64 x 8", at=FAST),
    ],
)
