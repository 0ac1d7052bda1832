"""As `sharper`, on `spend`, 72 batches at 3e-5.

Known beforehand, one or two runs with other seeds, after 24 batches with a stop at .008 nats: R log
.952 .928, clip .309, A log .223 .292, 1 and -1 .000; after 72 without one: clip .911 .922, R log .968.
Predictions were written down before any run of this sweep.

Cut before the first run, to a time that there is: advantages without a ratio; a stop for plain
rewards and for the clip.
"""

from dataclasses import replace

from trlab import Prediction
from trlab.sweep import load_sweep
from trlab.sweeps._push import CLIP, LOG_R, SIGNED_LOG, pick

SHARPER = load_sweep("sharper")
FREE = pick(LOG_R, SIGNED_LOG, CLIP)


def stopped(label: str) -> str:
    """The label of an arm with the stop."""
    return f"{label}, stop"


SWEEP = replace(
    SHARPER,
    title="better, or only sharper? Many right answers",
    text="After three times as many batches, does the clip reach plain rewards, and does a stop save 1 "
    "and -1?",
    variants=[
        *FREE,
        *(
            replace(arm, settings={**arm.settings, "stop_kl": 0.008}, label=stopped(arm.name))
            for arm in pick(SIGNED_LOG)
        ),
    ],
    task="spend",
    seeds=range(8980, 8992),
    train={**SHARPER.train, "lr": 3e-5},
    budget=replace(SHARPER.budget, steps=72),
    predictions=[
        Prediction("stopped, 1 and -1 end below .3", 0.3, stopped(SIGNED_LOG)),
        Prediction("without a stop too", 0.3, SIGNED_LOG),
        Prediction(
            "without a stop the clip is within .02 of plain rewards greedily",
            LOG_R,
            CLIP,
            "greedy",
            within=0.02,
        ),
    ],
)
