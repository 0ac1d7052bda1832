"""The tuning runs of `tuned`: every method's threshold by learning rate, 15 configurations each, at
8 uses of a batch.

Three seeds that no reported run has, 20 batches. What has no region (pg_is) turns the bound on the
gradient's norm, so that it has as many configurations to choose from. SAPO's and PSPO's numbers are
narrower where they are larger.
"""

from trlab import Axis, Budget, Prediction, Sweep
from trlab.sweeps._second_round import BATCH, TEN

SWEEP = Sweep(
    title="the tuning runs",
    round=2,
    text="Which threshold and learning rate suit each method at 8 uses of a batch? `tuned` takes "
    "them from here.",
    variants=TEN,
    axes=[Axis("lr", (1e-4, 3e-4, 1e-3)), Axis("threshold", (0.1, 1 / 3, 1.0, 3.0, 10.0))],
    seeds=range(100, 103),
    train={"prompts": BATCH["prompts"], "group": BATCH["group"], "epochs": 8},
    budget=Budget(steps=20, prompts=256, samples=4),
    predictions=[
        Prediction(
            "a clip of .02 silences nearly every token after the first use, so at lr 1e-3 it "
            "holds where the default does not",
            higher="ppo",
            lower=0.5,
            at={"lr": "0.001", "threshold": "0.1"},
        ),
        Prediction(
            "a radius bounds what a step may do, whatever the learning rate: TROLL lives at lr "
            "1e-3 with a tenth of its radius",
            higher="troll",
            lower=0.5,
            at={"lr": "0.001", "threshold": "0.1"},
        ),
    ],
)
