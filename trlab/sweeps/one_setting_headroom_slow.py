"""`one_setting_headroom` at 1e-4, the learning rate at which `two_samplers_headroom` ran. No pilot of
an arm with a ratio; recorded there with 384 batches: fresh R .37, A .37; stale R .34, A .15; four bits
R .05, A .32."""

from trlab.sweeps._one_setting import (
    A_TIS,
    FRESH,
    R_TIS,
    ROUNDED,
    STALE,
    A,
    R,
    above,
    alike,
    asked,
    samplers,
    trained,
)

SWEEP = asked(
    title="one setting, headroom, slower",
    text="Does one update rule serve a stale and a quantised sampler where no run solves the task? `dial` "
    "with 8 to 12 moves at 1e-4.",
    knobs={"moves": (8, 12)},
    axes=samplers(FRESH, STALE, ROUNDED),
    seeds=range(12220, 12232),
    train=trained(1e-4),
    predictions=[
        *above(STALE, R_TIS, A_TIS, "sampled", "greedy"),
        *above(ROUNDED, R_TIS, R, "sampled", "greedy"),
        *above(ROUNDED, R_TIS, 0.2),
        *alike(FRESH, R_TIS, R),
        *alike(FRESH, R_TIS, A),
    ],
)
