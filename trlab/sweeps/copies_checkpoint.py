"""Does what `copies` says of `dial` hold for another checkpoint of its model? `dial_1` at 3e-4."""

from trlab import Axis, Prediction, Variant
from trlab.sweeps._copies import PLAIN, asked, later

SWEEP = asked(
    title="copies of copies, another checkpoint",
    text="Plain rewards without a ratio from a four-bit sampler of age 0, 4 and 16, on another "
    "checkpoint of the model of `dial`, at 3e-4.",
    policy="dial_1",
    variants=[
        Variant(
            "reinforce",
            PLAIN,
            label=f"age {age}",
            train={"lag": age},
            instead={"span": {"whole": {"steps": {16: 2048}.get(age, 512)}}},
        )
        for age in (0, 4, 16)
    ],
    axes=[Axis("span", {"whole": {}})],
    seeds=range(12740, 12752),
    predictions=[
        later("age 4", "age 0"),
        later("age 16", "age 4"),
        Prediction("age 16 does not collapse in 2,048 batches", "age 16", 2048, "half_life"),
    ],
)
