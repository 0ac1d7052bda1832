"""The shoot-out's column: twelve methods at one update a batch, in eight minibatches, and in those
four times over."""

from trlab import Axis, Budget, Prediction, Sweep
from trlab.sweeps._twelve_methods import TWELVE

UPDATES = {"1": {}, "8": {"minibatches": 8}, "32": {"minibatches": 8, "epochs": 4}}

SWEEP = Sweep(
    title="minibatches of two prompts",
    round=1,
    text="Twelve methods at their defaults: a batch used whole, in minibatches of two prompts, in "
    "those four times.",
    variants=TWELVE,
    axes=[Axis("updates", UPDATES)],
    budget=Budget(steps=40),
    predictions=[
        *(
            Prediction(
                f"with one update a batch {v.name} learns",
                higher=v.name,
                lower=0.8,
                at={"updates": "1"},
            )
            for v in TWELVE
        ),
        Prediction(
            "at 32 updates a clip is better than nothing",
            higher="ppo",
            lower="pg_is",
            at={"updates": "32"},
        ),
        Prediction(
            "at 32 updates a projection is better than nothing",
            higher="troll",
            lower="pg_is",
            at={"updates": "32"},
        ),
        Prediction(
            "at 32 updates a projection is better than a clip",
            higher="troll",
            lower="ppo",
            at={"updates": "32"},
        ),
        Prediction(
            "at 32 updates a mask on total variation is better than a clip",
            higher="dppo-tv",
            lower="ppo",
            at={"updates": "32"},
        ),
        Prediction(
            "at eight updates the ratio without a region moves the policy further than under a clip",
            higher="pg_is",
            lower="ppo",
            measure="kl",
            at={"updates": "8"},
        ),
    ],
)
