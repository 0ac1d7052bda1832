"""Plain rewards with TIS where the sampler's weights have four bits: `spend` at 1e-4. On this task plain
rewards without a ratio are spared and advantages are lost, in two pilots and in the record of R. No
pilot of the clip or of R times the ratio at the sampler's four bits beside those that `known` names."""

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
    title="one setting, spend, four bits",
    text="Does one update rule serve a stale and a quantised sampler? `spend` at 1e-4, a sampler of four "
    "bits.",
    task="spend",
    axes=samplers(ROUNDED),
    seeds=range(12100, 12112),
    train=trained(1e-4),
    predictions=[
        *above(ROUNDED, R_TIS, 0.8),
        *alike(ROUNDED, R_TIS, R),
        *above(ROUNDED, R, A, "sampled", "greedy"),
        *above(ROUNDED, A_TIS, A, "sampled", "greedy"),
        *above(ROUNDED, R_TIS, A_TIS),
        *alike(ROUNDED, R_TIS, A_TIS, "greedy"),
        *alike(ROUNDED, R_TIS, R_RATIO),
        *alike(ROUNDED, R_TIS, R_CLIP),
    ],
)
