"""`age_equal_map` for three arms that had not moved by .1 nats at its four rates: TROLL at both ages, and the clip at 16
updates."""

from dataclasses import replace

from trlab import Axis
from trlab.sweeps._aged import aged
from trlab.sweeps.age_equal_map import SWEEP as MAP

RATES = {"5": 6e-4, "6": 1.2e-3}

SWEEP = replace(
    MAP,
    title="rates for equal distances of age: three arms further",
    variants=[
        aged(region, age, "rate", RATES)
        for region, age in (("troll", 16), ("troll", 64), ("clip", 16))
    ],
    axes=[Axis("rate", {point: {} for point in RATES})],
)
