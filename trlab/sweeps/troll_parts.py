"""TROLL without its parts: without the regression, and over four tokens with and without a bucket
for the rest.

The network's distribution samples, the projected one is trained; only the regression ties the two.
And a support of K tokens needs the rest: the paper reports that entropy explodes where the others
are dropped. Four tokens are far fewer than the paper's 64; on `dial` 64 leave next to nothing out.

Known beforehand, batches of 16 x 16, seeds 0 and 1: without the regression the KL per batch was
five to ten times as large; without the rest the entropy was up to a fifth larger, and nothing
exploded.
"""

from pathlib import Path

from trlab import Budget, Prediction, Sweep, Variant
from trlab.sweeps._second_round import BATCH, SEEDS

TAILS = Path(__file__).with_name("_tails.py")
WHOLE, NONE, TENTH = "troll", "no regression", "a tenth of the regression"
REST, RAW, ALONE = "4 tokens and the rest", "4 tokens, no rest", "4 tokens, renormalised"

SWEEP = Sweep(
    title="TROLL without a part",
    round=2,
    text="What does TROLL do without the regression, and without the tail of the vocabulary?",
    variants=(
        Variant("troll"),
        Variant("troll", {"alpha": 0.1}, label=TENTH),
        Variant("troll", {"alpha": 0.0}, label=NONE),
        Variant("troll", {"top_k": 4}, label=REST),
        Variant(f"{TAILS}:NoRest", {"top_k": 4}, label=RAW),
        Variant(f"{TAILS}:NoRest", {"top_k": 4, "renormalise": True}, label=ALONE),
    ),
    seeds=SEEDS,
    train={**BATCH, "epochs": 8},
    budget=Budget(steps=24, prompts=256),
    predictions=[
        Prediction(
            "only the regression ties the network to the projection: without it the network runs "
            "on, further per batch",
            higher=NONE,
            lower=WHOLE,
            measure="kl",
        ),
        Prediction("and what it has not earned it loses: lower accuracy", higher=WHOLE, lower=NONE),
        Prediction("a tenth of the regression holds less", higher=TENTH, lower=WHOLE, measure="kl"),
        Prediction(
            "four tokens and a bucket for the rest are enough: accuracy within five points",
            higher=WHOLE,
            lower=REST,
            within=0.05,
        ),
        Prediction(
            "without the rest the policy gradient pushes probability into the tail: more entropy",
            higher=RAW,
            lower=REST,
            measure="entropy",
        ),
        Prediction(
            "renormalised, no gradient goes there and none brings it back: more entropy too",
            higher=ALONE,
            lower=REST,
            measure="entropy",
        ),
        Prediction("and the accuracy without the rest is lower", higher=REST, lower=RAW),
    ],
)
