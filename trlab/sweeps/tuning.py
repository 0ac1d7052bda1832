"""Tuning, which is the sensitivity table too: every radius over two decades, on seeds that no other
sweep uses."""

from trlab import Axis, Budget, Prediction, Sweep
from trlab.sweeps._twelve_methods import REGIONS

SWEEP = Sweep(
    title="thresholds, untuned",
    round=1,
    text="How much does each method's own threshold matter at 32 updates a batch, from a tenth to "
    "ten times it?",
    variants=REGIONS,
    axes=[Axis("threshold", (0.1, 1 / 3, 1.0, 3.0, 10.0))],
    seeds=(100, 101),
    train={"minibatches": 8, "epochs": 4},
    budget=Budget(steps=25),
    predictions=[
        Prediction(
            "ten times the clip is hardly a clip: PPO moves more than .05 nats a token and batch",
            higher="ppo",
            lower=0.05,
            measure="kl",
            at={"threshold": "10"},
        ),
        Prediction(
            "TROLL holds at ten times its radius", higher="troll", lower=0.5, at={"threshold": "10"}
        ),
    ],
)
