"""The push in a model that has read: SmolLM2-135M, adapters, two-digit sums, 8 prompts x 8 completions
used eight times, ten batches, at 1e-3, where a run without a region was lost in `real_map`.

Known beforehand, two runs each with other seeds: R log .48 .41, clip .35 .51, r A .03 .01; entropy
at the end .08 with R log at 3e-4, .28 to .48 with the clip; in `real_map` r A .12 (of three runs the
median), clip .27, used once .57. Predictions were written down before any run of this sweep. The
risky one is that plain rewards end above the clip.

Cut before the first run, so that twelve seeds fit: the rate 3e-4, right answers alone, and the clip
on plain rewards. Eight seeds at two rates would have been a description.
"""

from dataclasses import replace

from trlab import Prediction, Variant
from trlab.sweep import load_sweep
from trlab.sweeps._push import CLIP, LOG_R, QUESTION, RATIO_A, pick

MAP = load_sweep("real_map")
PARTS = "r A, parts"

SWEEP = replace(
    MAP,
    title="the push in a real language model",
    round=6,
    question=f"{QUESTION}: SmolLM2",
    text="Does how rewards push decide what breaks SmolLM2 too?",
    variants=[
        *pick(RATIO_A, LOG_R, CLIP),
        Variant("pg_is", label=PARTS, train={"epochs": 1, "minibatches": 8}),
    ],
    axes=(),
    seeds=range(8600, 8612),
    train={**MAP.train, "lr": 1e-3},
    aside=True,
    predictions=[
        Prediction("plain rewards end above r A", LOG_R, RATIO_A),
        Prediction("and above the clip", LOG_R, CLIP),
        Prediction("the clip ends above r A", CLIP, RATIO_A),
        Prediction("eight parts end above eight fits", PARTS, RATIO_A),
        Prediction("the price is entropy: plain rewards leave less", CLIP, LOG_R, "entropy"),
    ],
)
