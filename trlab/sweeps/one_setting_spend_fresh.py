"""The control: every arm with a fresh and exact sampler, `spend` at 1e-4."""

from trlab.sweeps._one_setting import FRESH, R_TIS, A, R, alike, asked, samplers, trained

SWEEP = asked(
    title="one setting, spend, fresh",
    text="Does one update rule serve a stale and a quantised sampler? `spend` at 1e-4, the control with a "
    "fresh sampler.",
    task="spend",
    axes=samplers(FRESH),
    seeds=range(12140, 12152),
    train=trained(1e-4),
    predictions=[*alike(FRESH, R_TIS, R), *alike(FRESH, R_TIS, A, "sampled", "greedy")],
)
