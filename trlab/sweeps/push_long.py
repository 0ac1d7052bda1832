"""The price of plain rewards after five times the batches: 120, each used sixteen times, at 3e-5.

Known beforehand, after 72 batches, one run each: R log .921 with 6.7 different right answers among
16, the clip .896 with 8.9. Predictions were written down before any run of this sweep.
"""

from dataclasses import replace

from trlab import Prediction
from trlab.sweeps._push import BUDGET, CLIP, CLIP_R, LOG_R, OFTEN, asked, pick

SWEEP = asked(
    title="the push, five times as long",
    text="What do plain rewards cost after 120 batches?",
    variants=pick(LOG_R, CLIP, CLIP_R),
    seeds=range(8430, 8442),
    train={**OFTEN, "lr": 3e-5},
    budget=replace(BUDGET, steps=120),
    every=4,
    predictions=[
        Prediction("plain rewards end above the clip after 120 batches", LOG_R, CLIP),
        Prediction("with fewer different right answers", CLIP, LOG_R, "distinct"),
        Prediction(
            "and pass@16 is no higher: within .02", CLIP, LOG_R, "pass_at_most", within=0.02
        ),
        Prediction("the clip on plain rewards keeps more of them", CLIP_R, LOG_R, "distinct"),
    ],
)
