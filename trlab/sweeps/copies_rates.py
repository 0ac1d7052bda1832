"""Is the age of a four-bit sampler no more than a smaller learning rate? Fresh samples, the learning
rate of `copies` divided by age + 1. `dial`."""

from trlab import Axis, Prediction, Variant
from trlab.sweeps._copies import PLAIN, asked

SWEEP = asked(
    title="copies of copies, smaller learning rates",
    text="Plain rewards without a ratio from a fresh four-bit sampler, with the learning rate of 3e-4 "
    "divided by 3, 9 and 17. Does the collapse come as late as with a sampler of age 2, 8 and 16?",
    variants=[
        Variant(
            "reinforce",
            PLAIN,
            label=f"1/{age + 1}",
            train={"lr": 3e-4 / (age + 1)},
            instead={"span": {"whole": {"steps": {8: 1024, 16: 2048}.get(age, 512)}}},
        )
        for age in (2, 8, 16)
    ],
    axes=[Axis("span", {"whole": {}})],
    seeds=range(12720, 12732),
    predictions=[
        Prediction("a third of the rate collapses within 512 batches", 512, "1/3", "half_life"),
        Prediction("a ninth of the rate collapses within 1,024 batches", 1024, "1/9", "half_life"),
        Prediction("1/17 of the rate collapses within 2,048 batches", 2048, "1/17", "half_life"),
    ],
)
