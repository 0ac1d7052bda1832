"""The pushes of `push` where every batch is used once: one update, every ratio 1.

There r A and A log, r R and R log are the same gradient, and a clip has nothing to do, so six arms
remain. All of them warm up over ten of their 24 batches, and at 1e-3 a step is ten times the usual.

Known beforehand, one run each at 1e-4 and 3e-4: .88 to .89 and .87 to .89 whatever the push.
Predictions were written down before any run of this sweep.
"""

from trlab import Axis, Prediction
from trlab.sweeps._push import (
    LOG_A,
    LOG_R,
    RATIO_WRONG,
    RIGHT_LOG,
    SHIFTED,
    SIGNED_LOG,
    TRAIN,
    asked,
    pick,
)

USUAL, FAST, FASTEST = {"lr": "0.0001"}, {"lr": "0.0003"}, {"lr": "0.001"}
OTHERS = {
    LOG_R: "plain rewards",
    RIGHT_LOG: "right answers alone",
    SIGNED_LOG: "1 and -1",
    SHIFTED[1.0]: "a shift of 1",
}

SWEEP = asked(
    title="the push, used once",
    text="Does it matter how rewards are written where every batch is used once?",
    variants=pick(LOG_A, *OTHERS, RATIO_WRONG),
    axes=[Axis("lr", (1e-4, 3e-4, 1e-3))],
    seeds=range(8340, 8352),
    train=TRAIN,
    predictions=[
        *(
            Prediction(
                f"used once, {name} end where the group's mean does at {rate}, within .03",
                label,
                LOG_A,
                within=0.03,
                at=at,
            )
            for rate, at in (("1e-4", USUAL), ("3e-4", FAST))
            for label, name in OTHERS.items()
        ),
        Prediction(
            "at 1e-3 the push matters here too: 1 and -1 end below 1 and 0",
            LOG_R,
            SIGNED_LOG,
            at=FASTEST,
        ),
    ],
)
