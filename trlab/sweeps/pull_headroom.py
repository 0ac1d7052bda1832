"""The exact pull added to A and taken away from R on a task that no run solves: `dial` with 8 to 12
moves at 1e-4, the learning rate at which the crossing is recorded there."""

from trlab.sweeps._one_setting import ROUNDED, STALE, asked, samplers, trained
from trlab.sweeps._pull import ARMS, KNOWN, QUESTION, crossing

SWEEP = asked(
    title="the exact pull, headroom",
    text="Is what separates plain rewards from advantages the pull towards the sampler? `dial` with 8 to 12 "
    "moves at 1e-4.",
    question=QUESTION,
    known=KNOWN,
    variants=ARMS,
    knobs={"moves": (8, 12)},
    axes=samplers(STALE, ROUNDED),
    seeds=range(12340, 12352),
    train=trained(1e-4),
    predictions=crossing(),
)
