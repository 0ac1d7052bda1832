"""Plain rewards with TIS where the sampler is stale and rounded at once: `dial` at 3e-4. One pilot, of
R with TIS; the other arms have none."""

from trlab.sweeps._one_setting import BOTH, R_TIS, R, alike, asked, samplers, stale, trained

SWEEP = asked(
    title="one setting, dial, stale and four bits",
    text="Does one update rule serve a stale and a quantised sampler? `dial` at 3e-4, sixteen updates "
    "stale and with four bits.",
    axes=samplers(BOTH),
    seeds=range(12040, 12052),
    train=trained(3e-4),
    predictions=[*stale(BOTH), *alike(BOTH, R_TIS, R)],
)
