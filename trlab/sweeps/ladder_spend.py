"""Does any of eight improvements reach a higher accuracy than plain rewards? `spend` at 1e-4, 32 updates
per batch."""

from trlab.sweeps._ladder import BUDGET, PREDICTIONS, VARIANTS, asked, trained

SWEEP = asked(
    title="nine losses, spend",
    text="Nine losses, each an improvement on the one before. `spend` at 1e-4, 32 updates per batch.",
    task="spend",
    variants=VARIANTS,
    budget=BUDGET,
    seeds=range(12780, 12792),
    train=trained(1e-4),
    predictions=PREDICTIONS,
)
