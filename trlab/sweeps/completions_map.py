"""Which learning rate moves each arm of `completions` by .02 and by .1 nats? A map with two seeds of
its own.

The distance is the run's median over batches on completions put aside. Two rates were guessed below
and above each of the two distances: for 16 x 16 and 256 x 1 from the recorded runs of `distance` and
`distance_between`, for the others by eye. `completions` takes its rates from a straight line through
the logarithms of rate and distance of these runs. Nothing is predicted. (`completions_map_more` has two more rates for the first arm.)
"""

from trlab import Axis, Budget, Sweep
from trlab.sweeps._fifth_round import TASK, arm

RATES = {
    "16 x 1": (5.2e-5, 8.1e-5, 1.02e-4, 1.44e-4),
    "16 x 4": (4.4e-5, 6.9e-5, 8.9e-5, 1.26e-4),
    "16 x 16": (3.9e-5, 6.1e-5, 7.5e-5, 1.06e-4),
    "64 x 1": (8e-5, 1.25e-4, 1.6e-4, 2.3e-4),
    "64 x 4": (6.8e-5, 1.06e-4, 1.28e-4, 1.8e-4),
    "64 x 16": (5.5e-5, 8.6e-5, 1.09e-4, 1.54e-4),
    "256 x 1": (1.64e-4, 2.56e-4, 2.8e-4, 3.96e-4),
    "256 x 4": (1.12e-4, 1.75e-4, 2.2e-4, 3.1e-4),
    "256 x 16": (7.8e-5, 1.21e-4, 1.64e-4, 2.3e-4),
    "same 16": (1e-4, 1.5e-4, 1.9e-4, 2.7e-4),
}

SWEEP = Sweep(
    title="rates for equal distances",
    round=5,
    text="Which learning rate moves a policy by .02 or by .1 nats per batch, by how many completions "
    "a batch holds and how often it fits them?",
    variants=[
        arm(label, "rate", {str(i): rate for i, rate in enumerate(rates, 1)})
        for label, rates in RATES.items()
    ],
    axes=[Axis("rate", {str(i): {} for i in range(1, 5)})],
    task=TASK,
    policy="dial",
    seeds=(6900, 6901),
    budget=Budget(steps=24, prompts=256, samples=4, common=2026),
    aside=True,
)
