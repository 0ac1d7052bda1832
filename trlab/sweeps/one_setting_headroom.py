"""Plain rewards with TIS on a task that no run solves: `dial` with 8 to 12 moves at 3e-4. Its pilots
speak against a simple answer: fresh runs of plain rewards reached .29 with one seed and .05 with
another, and with four bits no arm learned."""

from trlab.sweeps._one_setting import (
    A_TIS,
    FRESH,
    R_TIS,
    ROUNDED,
    STALE,
    R,
    above,
    asked,
    samplers,
    trained,
)

SWEEP = asked(
    title="one setting, headroom",
    text="Does one update rule serve a stale and a quantised sampler where no run solves the task? `dial` "
    "with 8 to 12 moves at 3e-4.",
    knobs={"moves": (8, 12)},
    axes=samplers(FRESH, STALE, ROUNDED),
    seeds=range(12200, 12212),
    train=trained(3e-4),
    predictions=[
        *above(STALE, R_TIS, A_TIS, "sampled", "greedy"),
        *above(STALE, R_TIS, R, "sampled", "greedy"),
        *above(ROUNDED, 0.1, R_TIS),
        *above(ROUNDED, 0.1, A_TIS),
    ],
)
