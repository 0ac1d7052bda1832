"""Does any of eight improvements reach a higher accuracy than plain rewards? `dial` at 1e-4, 32 updates
per batch."""

from trlab.sweeps._ladder import PREDICTIONS, asked, trained

SWEEP = asked(
    title="nine losses, dial",
    text="Nine losses, each an improvement on the one before. `dial` at 1e-4, 32 updates per batch.",
    task="dial",
    seeds=range(12760, 12772),
    train=trained(1e-4),
    predictions=PREDICTIONS,
)
