"""Which learning rate moves an old batch by .03 and by .1 nats, by region and age? A map with two
seeds of its own.

The sweep of regions at an equal distance of age takes its rates from a straight line through the
logarithms of rate and distance of these runs (`trlab.tuning.rates_at`). It is declared when they are
recorded. Nothing is predicted.
"""

from trlab import Axis, Sweep
from trlab.sweeps._aged import AGES, BUDGET, EVERY, REGIONS, aged

RATES = {"1": 5e-5, "2": 1e-4, "3": 2e-4, "4": 4e-4}

SWEEP = Sweep(
    title="rates for equal distances of age",
    round=6,
    text="Which learning rate moves a policy by .03 or by .1 nats from the one that wrote its batch?",
    variants=[aged(region, age, "rate", RATES) for age in AGES for region in REGIONS],
    axes=[Axis("rate", {point: {} for point in RATES})],
    task="dial",
    seeds=(8550, 8551),
    budget=BUDGET,
    every=EVERY,
)
