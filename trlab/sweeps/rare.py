"""Rare tokens: a policy whose careful openers are rare has to raise them. Who lets it, and how
soon?

PPO's weight of a token with A > 0 is 0 as soon as its ratio passes 1.2: an opener of probability
.001 may gain .0002 in a batch. DPPO's mask lets it gain .15. So a ratio clip should slow the
take-off, and cost nothing where it ends.

Known beforehand, 16 x 16 completions, 8 minibatches x 2 epochs, three or four runs on other seeds:
mean reward of the first ten batches PPO .63 .69 .66, clip-higher .68 .71 .70, DPPO .73 .78 .77, no
region .69 to .77, TROLL .53 to .55.
"""

from trlab import Axis, Budget, Prediction, Sweep
from trlab.sweeps._second_round import SEEDS, pick

MINI, WHOLE = {"parts": "8 minibatches, 2 epochs"}, {"parts": "whole, 8 uses"}

SWEEP = Sweep(
    title="rare tokens",
    round=2,
    text="Where the tokens that must grow are rare, which region lets the policy take off?",
    policy="dial_rare",
    variants=pick("pg_is", "ppo", "clip-higher", "gspo", "dppo-tv", "quatro", "troll"),
    axes=[
        Axis(
            "parts",
            {
                "8 minibatches, 2 epochs": {"minibatches": 8, "epochs": 2},
                "whole, 8 uses": {"epochs": 8, "lr": 3e-4},
            },
        )
    ],
    seeds=SEEDS,
    train={"prompts": 16, "group": 16},
    budget=Budget(steps=15),
    predictions=[
        Prediction(
            "a ratio clip silences a rare token's growth first, a mask on probabilities last: "
            "DPPO takes off before PPO",
            higher="dppo-tv",
            lower="ppo",
            measure="take_off",
            at=MINI,
        ),
        Prediction(
            "a wider window above 1 is between them",
            higher="clip-higher",
            lower="ppo",
            measure="take_off",
            at=MINI,
        ),
        Prediction(
            "nothing at all takes off before PPO too",
            higher="pg_is",
            lower="ppo",
            measure="take_off",
            at=MINI,
        ),
        Prediction(
            "a KL of .05 on every token is narrower for a rare one than a total variation of .15: "
            "TROLL is the slowest",
            higher="ppo",
            lower="troll",
            measure="take_off",
            at=MINI,
            tested="slower than PPO; GSPO is slower than TROLL",
        ),
        Prediction(
            "with whole batches DPPO takes off before PPO as well",
            higher="dppo-tv",
            lower="ppo",
            measure="take_off",
            at=WHOLE,
        ),
        Prediction(
            "a window on whole completions is slower still",
            higher="ppo",
            lower="gspo",
            measure="take_off",
            at=WHOLE,
        ),
    ],
)
