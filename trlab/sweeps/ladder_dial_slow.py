"""Is the order of nine losses an order at one learning rate? `dial` at 3e-5, 32 updates per batch."""

from trlab.sweeps._ladder import BUDGET, PREDICTIONS, VARIANTS, asked, trained

SWEEP = asked(
    title="nine losses, dial, a smaller learning rate",
    text="Nine losses at a third of the learning rate. `dial` at 3e-5, 32 updates per batch.",
    task="dial",
    variants=VARIANTS,
    budget=BUDGET,
    seeds=range(12800, 12812),
    train=trained(3e-5),
    predictions=PREDICTIONS,
)
