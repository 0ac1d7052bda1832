"""The push on `spend`, where a prompt has thousands of right answers, and diversity can be lost.

Known beforehand, one or two runs each: R log .89 .90 at 3e-5 and .96 at 1e-4, right log .86 and .93,
clip .24 .35 and .71, clip on R .86 and .93, r A .34 and .32, 1 and -1 log .00 and .00, TROLL .22 and
.91. Predictions were written down before any run of this sweep.
"""

from trlab.sweeps._push import EIGHT, elsewhere

SWEEP = elsewhere(
    "the push: spend",
    "On a task with many right answers, what does a push hold and what does it cost?",
    EIGHT,
    range(8380, 8392),
    task="spend",
)
