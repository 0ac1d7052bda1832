"""`spend`: what reward and reuse cost in different right answers.

Known beforehand, on seeds 100 and 101, 8 updates and 80 batches: sampled ppo .72 .82, dppo .94 .77,
quatro .90 .92, troll (120 batches on seed 100) .97 .91, pg_is collapses to 0; different right
answers of eight ppo 3.2 5.3, dppo 2.6 3.5, quatro 6.9 7.1, troll 5.6 6.1. One update, one seed: all
.83 to .85 but quatro .63.
"""

from trlab import Axis, Budget, Prediction, Sweep
from trlab.sweeps._twelve_methods import pick
from trlab.sweeps.shootout import UPDATES

HOT, GENTLE = {"updates": "8"}, {"updates": "1"}

SWEEP = Sweep(
    title="many right answers",
    round=1,
    text="As a policy learns to spend to the last coin, which methods keep many ways of doing it?",
    task="spend",
    variants=pick("pg_is", "ppo", "dppo-tv", "quatro", "troll"),
    axes=[Axis("updates", {label: UPDATES[label] for label in ("1", "8")})],
    train={"prompts": 32, "group": 8, "lr": 3e-4},
    budget=Budget(steps=90),
    predictions=[
        Prediction(
            "eight updates without a region kill the policy", higher="ppo", lower="pg_is", at=HOT
        ),
        Prediction(
            "a projection is more accurate than a clip", higher="troll", lower="ppo", at=HOT
        ),
        Prediction(
            "QUATRO keeps more different right answers than PPO",
            higher="quatro",
            lower="ppo",
            measure="distinct",
            at=HOT,
        ),
        Prediction(
            "and more than a mask on total variation",
            higher="quatro",
            lower="dppo-tv",
            measure="distinct",
            at=HOT,
        ),
        Prediction(
            "a projection keeps more of them than a mask",
            higher="troll",
            lower="dppo-tv",
            measure="distinct",
            at=HOT,
        ),
        Prediction(
            "entropy is kept by QUATRO more than by PPO",
            higher="quatro",
            lower="ppo",
            measure="entropy",
            at=HOT,
        ),
        Prediction(
            "one update a batch: QUATRO is the slowest",
            higher="ppo",
            lower="quatro",
            at=GENTLE,
            tested="below PPO",
        ),
        Prediction(
            "one update a batch: nobody loses pass@8",
            higher="pg_is",
            lower=0.95,
            measure="pass_at_most",
            at=GENTLE,
        ),
    ],
)
