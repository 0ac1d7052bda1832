"""Plain rewards with TIS where the sampler's weights have four bits: `dial` at 3e-4."""

from trlab.sweeps._one_setting import (
    A_TIS,
    R_CLIP,
    R_RATIO,
    R_TIS,
    ROUNDED,
    A,
    R,
    above,
    alike,
    asked,
    samplers,
    trained,
)

SWEEP = asked(
    title="one setting, dial, four bits",
    text="Does one update rule serve a stale and a quantised sampler? `dial` at 3e-4, a sampler of four "
    "bits.",
    axes=samplers(ROUNDED),
    seeds=range(12020, 12032),
    train=trained(3e-4),
    predictions=[
        *above(ROUNDED, R_TIS, R, "sampled", "greedy"),
        *above(ROUNDED, R_TIS, 0.8),
        *above(ROUNDED, R_TIS, A_TIS),
        *alike(ROUNDED, R_TIS, A_TIS, "greedy"),
        *above(ROUNDED, R_TIS, R_CLIP),
        *alike(ROUNDED, R_TIS, R_RATIO),
        *alike(ROUNDED, A_TIS, A),
    ],
)
