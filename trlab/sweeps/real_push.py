"""The push in a model that has read: SmolLM2-135M, adapters, two-digit sums, 8 prompts x 8 completions
used eight times, ten batches.

Known beforehand, one run each with other seeds: at 1e-3 R log .48 .41, clip .35 .51, clip on R .50,
right log .31, r A .03 .01; at 3e-4 R log .49, clip .30; entropy at the end .08 with R log, .28 to .48
with the clip. Predictions were written down before any run of this sweep. The risky one is that plain
rewards end above the clip at 3e-4.

Eight seeds, because a run takes more than a minute of a core: a description, no verdict.
"""

from dataclasses import replace

from trlab import Axis, Prediction, Variant
from trlab.sweep import load_sweep
from trlab.sweeps._push import CLIP, CLIP_R, LOG_R, QUESTION, RATIO_A, RIGHT_LOG, pick

MAP = load_sweep("real_map")
LOW, HIGH = {"lr": "0.0003"}, {"lr": "0.001"}
PARTS = "r A, parts"

SWEEP = replace(
    MAP,
    title="the push in a real language model",
    round=6,
    question=f"{QUESTION}: SmolLM2",
    text="Does how rewards push decide what breaks SmolLM2 too?",
    variants=[
        *pick(RATIO_A, LOG_R, RIGHT_LOG, CLIP, CLIP_R),
        Variant("pg_is", label=PARTS, train={"epochs": 1, "minibatches": 8}),
    ],
    axes=[Axis("lr", (3e-4, 1e-3))],
    seeds=range(8600, 8608),
    aside=True,
    provenance="Eight seeds, because a run takes more than a minute of a core.",
    predictions=[
        Prediction("at 1e-3 plain rewards end above r A", LOG_R, RATIO_A, at=HIGH),
        Prediction("at 3e-4 they end above the clip", LOG_R, CLIP, at=LOW),
        Prediction("eight parts end above eight fits at 1e-3", PARTS, RATIO_A, at=HIGH),
        Prediction(
            "the price is entropy: plain rewards leave less at 3e-4", CLIP, LOG_R, "entropy", at=LOW
        ),
    ],
)
