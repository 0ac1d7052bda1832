"""The push in a model that has read: SmolLM2-135M, adapters, two-digit sums, 8 prompts x 8 completions
used eight times, ten batches, at 1e-3, where a run without a region was lost in `real_map`.

Known beforehand, two runs each with other seeds: R log .48 .41, clip .35 .51, r A .03 .01; entropy
at the end .08 with R log at 3e-4, .28 to .48 with the clip; in `real_map` r A .12 (of three runs the
median), clip .27, used once .57. Predictions were written down before any run of this sweep. The
risky one is that plain rewards end above the clip.

Cut before the first run, to the time that there is: the rate 3e-4, right answers alone, and the clip
on plain rewards. `provenance` says what was cut later. r A and the clip at this very setting stand in
`real_distance` (six seeds).
"""

from dataclasses import replace

from trlab import Prediction
from trlab.sweep import load_sweep
from trlab.sweeps._push import CLIP, LOG_R, QUESTION, pick

MAP = load_sweep("real_map")

SWEEP = replace(
    MAP,
    title="the push in a real language model",
    round=6,
    question=f"{QUESTION}: SmolLM2",
    text="Does how rewards push decide what breaks SmolLM2 too?",
    variants=pick(LOG_R, CLIP),
    axes=(),
    seeds=range(8600, 8612),
    train={**MAP.train, "lr": 1e-3},
    aside=True,
    provenance="Begun at a7f14af6cf3a with two arms more, r A and eight parts of the batch, and three "
    "predictions about them. They were cut because a run takes four minutes and not two, so that the "
    "other two could have the twelve seeds that a verdict needs. When that was written, two runs had "
    "ended, r A at .06 and R log at .34; when it was committed, the clip's first had, at .21; one in "
    "parts was in hand. The prediction about the clip was 'and above the clip', after one about r A.",
    predictions=[
        Prediction("plain rewards end above the clip", LOG_R, CLIP),
        Prediction("the price is entropy: plain rewards leave less", CLIP, LOG_R, "entropy"),
    ],
)
