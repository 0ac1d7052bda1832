"""Every completion comes from the policy before training, so that nothing is fed back: `dial` at 3e-4.

A delay can do nothing here. If advantages fall all the same, an update rule without a fixed point
suffices as the explanation.
"""

from trlab import Axis
from trlab.sweeps._one_setting import A_TIS, ARMS, R_TIS, A, R, above, asked, trained
from trlab.sweeps._pull import A_PULLED
from trlab.sweeps._pull import ARMS as PULL
from trlab.sweeps.delay_map import KNOWN

PLACE = "first policy"

SWEEP = asked(
    title="the samples of a frozen sampler",
    text="Do advantages fall without any feedback, on samples of the policy before training? `dial` at 3e-4.",
    question="is it a delay",
    known=KNOWN,
    variants=[
        *(arm for arm in ARMS if arm.label in (A, R, A_TIS, R_TIS)),
        *(arm for arm in PULL if arm.label == A_PULLED),
    ],
    axes=[Axis("sampler", {PLACE: {"lag": 256}})],
    seeds=range(12520, 12532),
    train=trained(3e-4),
    predictions=[
        *above(PLACE, 0.2, A),
        *above(PLACE, A_PULLED, A, "sampled", "greedy"),
        *above(PLACE, R, A, "sampled", "greedy"),
        *above(PLACE, R_TIS, A_TIS),
    ],
)
