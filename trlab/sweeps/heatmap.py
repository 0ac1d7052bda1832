"""The shoot-out's heat map: five methods over learning rates and updates a batch; 1e-4 is the
shoot-out's column."""

from trlab import Axis, Budget, Prediction, Sweep
from trlab.sweeps._twelve_methods import pick
from trlab.sweeps.shootout import UPDATES

SWEEP = Sweep(
    title="learning rate and minibatches",
    round=1,
    text="Where do learning rate and updates a batch leave a method alive?",
    variants=pick("pg_is", "ppo", "dppo-tv", "quatro", "troll"),
    axes=[Axis("lr", (3e-5, 3e-4)), Axis("updates", UPDATES)],
    budget=Budget(steps=40),
    predictions=[
        Prediction(
            "hot and reused 32 times, a region is better than none",
            higher="troll",
            lower="pg_is",
            at={"lr": "0.0003", "updates": "32"},
        ),
        Prediction(
            "hot and reused eight times, a clip is better than none",
            higher="ppo",
            lower="pg_is",
            at={"lr": "0.0003", "updates": "8"},
        ),
        Prediction(
            "cold and reused 32 times, everything lives",
            higher="pg_is",
            lower=0.6,
            at={"lr": "3e-05", "updates": "32"},
        ),
    ],
)
