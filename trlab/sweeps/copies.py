"""Does staleness prevent the collapse of plain rewards with a four-bit sampler, or delay it? `dial` at
3e-4.

The declared explanation is that the number of generations, batches over age + 1, decides: up to age 8
the batch of the collapse is in proportion to age + 1. A prediction compares two labels, so what is
declared below is the order; the proportion is tested by a log-rank test of generations, age by age
against age 0. Up to age 4 runs have 512 batches, because every pilot had collapsed by batch 163."""

from itertools import pairwise

from trlab import Axis, Prediction, Variant
from trlab.sweeps._copies import PLAIN, asked, later

AGES = (0, 1, 2, 4, 8, 16)
LONGER = {8: 1024, 16: 2048}
NAMES = {age: f"age {age}" for age in AGES}

SWEEP = asked(
    title="copies of copies, by age",
    text="Plain rewards without a ratio collapse with a fresh four-bit sampler. Do stale samples "
    "prevent this or delay it? `dial` at 3e-4, by the sampler's age in updates.",
    variants=[
        Variant(
            "reinforce",
            PLAIN,
            label=NAMES[age],
            train={"lag": age},
            instead={"span": {"whole": {"steps": LONGER.get(age, 512)}}},
        )
        for age in AGES
    ],
    axes=[Axis("span", {"whole": {}})],
    seeds=range(12700, 12712),
    predictions=[
        *(later(NAMES[old], NAMES[new]) for new, old in pairwise(AGES)),
        Prediction("age 0 collapses before batch 128", 128, NAMES[0], "half_life"),
        Prediction("age 16 does not collapse in 2,048 batches", NAMES[16], 2048, "half_life"),
        Prediction("age 16 is right sampled, at the end", NAMES[16], 0.8, "sampled"),
    ],
)
