"""Is it the rate? Rewards of 1 and -1 on `spend`, at rates at which `push_spend` did not try them.

`push_spend` has two rates, and at both of them 1 and -1 end at .00. The simplest rival is a smaller
one: on `dial` they end at .91 at 1e-5, where plain rewards do, and with a batch moved as little they
end at .85.

Known beforehand: `push_spend` (at 3e-5 plain rewards .88, 1 and -1 .00, the clip .32), and the base
model's accuracy of about .2. Predictions were written down before any run of this sweep. The second
is the rival's.
"""

from trlab import Axis, Prediction
from trlab.sweeps._push import CLIP, LOG_R, SIGNED_LOG, asked, pick

LOWEST, LOWER = {"lr": "3e-06"}, {"lr": "1e-05"}

SWEEP = asked(
    title="the push: spend, at smaller rates",
    text="On a task with many right answers, do rewards of 1 and -1 hold at a smaller rate?",
    variants=pick(LOG_R, SIGNED_LOG, CLIP),
    axes=[Axis("lr", (3e-6, 1e-5))],
    task="spend",
    seeds=range(8700, 8712),
    predictions=[
        Prediction("1 and -1 end below 1 and 0 at 1e-5", LOG_R, SIGNED_LOG, at=LOWER),
        Prediction(
            "1 and -1 end where 1 and 0 do at 3e-6, within .05",
            SIGNED_LOG,
            LOG_R,
            within=0.05,
            at=LOWEST,
        ),
        Prediction("plain rewards end above the clip at 1e-5", LOG_R, CLIP, at=LOWER),
    ],
)
