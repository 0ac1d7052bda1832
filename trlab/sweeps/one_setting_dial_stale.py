"""Plain rewards with TIS where the sampler is sixteen updates stale: `dial` at 3e-4.

All arms but PPO's clip on R have two pilots or a record, so the predictions repeat them.
"""

from trlab.sweeps._one_setting import (
    R_CLIP,
    R_TIS,
    STALE,
    R,
    alike,
    asked,
    samplers,
    stale,
    trained,
)

SWEEP = asked(
    title="one setting, dial, stale",
    text="Does one update rule serve a stale and a quantised sampler? `dial` at 3e-4, sixteen updates "
    "stale.",
    axes=samplers(STALE),
    seeds=range(12000, 12012),
    train=trained(3e-4),
    predictions=[
        *stale(),
        *alike(STALE, R_TIS, R, "sampled", "greedy"),
        *alike(STALE, R_TIS, R_CLIP),
    ],
)
