"""The push on `relay`, the long task: four arms at one rate.

Known beforehand, one run each at 1e-4: R log .985 .987, right log .985, clip .951. Predictions were
written down before any run of this sweep; here they are all risky, because nothing breaks at this
rate.

Cut before the first run, to a time that there is: the ratio's arm and the clip on plain rewards, and
the rate 3e-5.
"""

from trlab import Axis, Prediction
from trlab.sweeps._push import CLIP, LOG_R, RIGHT_LOG, SIGNED_LOG, asked, pick

SWEEP = asked(
    title="the push: the long task",
    text="On a long task, do plain rewards end above PPO's clip?",
    variants=pick(LOG_R, RIGHT_LOG, SIGNED_LOG, CLIP),
    axes=[Axis("lr", (1e-4,))],
    task="relay",
    seeds=range(8400, 8412),
    predictions=[
        Prediction("plain rewards end above the clip", LOG_R, CLIP),
        Prediction("right answers alone end above the clip", RIGHT_LOG, CLIP),
        Prediction("1 and -1 end below 1 and 0", LOG_R, SIGNED_LOG),
    ],
)
