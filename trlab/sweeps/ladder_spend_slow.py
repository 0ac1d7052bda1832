"""Is the order of nine losses an order at one learning rate? `spend` at 3e-5, 32 updates per batch."""

from trlab.sweeps._ladder import BUDGET, PREDICTIONS, VARIANTS, asked, trained

SWEEP = asked(
    title="nine losses, spend, a smaller learning rate",
    text="Nine losses at a third of the learning rate. `spend` at 3e-5, 32 updates per batch.",
    task="spend",
    variants=VARIANTS,
    budget=BUDGET,
    seeds=range(12820, 12832),
    train=trained(3e-5),
    predictions=PREDICTIONS,
)
