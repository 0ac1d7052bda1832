"""`completions_map` for one arm that had not moved by .1 nats at its four rates: 16 prompts, each
fitted once."""

from dataclasses import replace

from trlab import Axis
from trlab.sweeps._fifth_round import arm
from trlab.sweeps.completions_map import SWEEP as MAP

RATES = {"5": 1.8e-4, "6": 2.2e-4}

SWEEP = replace(
    MAP,
    title="rates for equal distances: one arm further",
    variants=[arm("16 x 1", "rate", RATES)],
    axes=[Axis("rate", {point: {} for point in RATES})],
)
