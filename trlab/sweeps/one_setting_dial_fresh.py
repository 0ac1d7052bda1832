"""The control: every arm with a fresh and exact sampler, `dial` at 3e-4."""

from trlab.sweeps._one_setting import FRESH, R_TIS, A, R, above, alike, asked, samplers, trained

SWEEP = asked(
    title="one setting, dial, fresh",
    text="Does one update rule serve a stale and a quantised sampler? `dial` at 3e-4, the control with a "
    "fresh sampler.",
    axes=samplers(FRESH),
    seeds=range(12060, 12072),
    train=trained(3e-4),
    predictions=[
        *alike(FRESH, R_TIS, R, "sampled", "greedy"),
        *above(FRESH, R_TIS, A),
        *alike(FRESH, R_TIS, A, "greedy"),
    ],
)
