"""As `push_long`, on `spend`, where there are thousands of right answers to lose.

Known beforehand, after 72 batches, one run each: R log .968 with 15.1 different right answers among
16, the clip .911 with 13.6. Predictions were written down before any run of this sweep.
"""

from dataclasses import replace

from trlab import Prediction
from trlab.sweep import load_sweep
from trlab.sweeps._push import CLIP, LOG_R

SWEEP = replace(
    load_sweep("push_long"),
    title="the push, five times as long: spend",
    text="What do plain rewards cost after 120 batches where a prompt has many right answers?",
    task="spend",
    seeds=range(8450, 8462),
    predictions=[
        Prediction("plain rewards end above the clip after 120 batches", LOG_R, CLIP),
        Prediction("with more different right answers", LOG_R, CLIP, "distinct"),
    ],
)
