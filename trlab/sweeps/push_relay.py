"""The push on `relay`, the long task: five arms.

Known beforehand, one run each at 1e-4: r A .982, R log .985 .987, right log .985, clip .951.
Predictions were written down before any run of this sweep; here they are all risky, because nothing
breaks at these rates.
"""

from trlab.sweeps._push import CLIP, CLIP_R, LOG_R, RATIO_A, RIGHT_LOG, SIGNED_LOG, elsewhere

SWEEP = elsewhere(
    "the push: the long task",
    "On a long task, do plain rewards end above PPO's clip?",
    (RATIO_A, LOG_R, RIGHT_LOG, SIGNED_LOG, CLIP, CLIP_R),
    range(8400, 8412),
    task="relay",
)
