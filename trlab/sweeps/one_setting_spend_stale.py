"""Plain rewards with TIS where the sampler is sixteen updates stale: `spend` at 1e-4."""

from trlab.sweeps._one_setting import R_TIS, STALE, R, above, asked, samplers, stale, trained

SWEEP = asked(
    title="one setting, spend, stale",
    text="Does one update rule serve a stale and a quantised sampler? `spend` at 1e-4, sixteen updates "
    "stale.",
    task="spend",
    axes=samplers(STALE),
    seeds=range(12120, 12132),
    train=trained(1e-4),
    predictions=[*stale(), *above(STALE, R_TIS, R, "greedy")],
)
