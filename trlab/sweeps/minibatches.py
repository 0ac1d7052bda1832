"""Minibatches: one pass over a batch in 1, 2, 4 and 8 parts, beside fresh batches of the parts'
size.

A minibatch of a used batch and a fresh batch of the same size have the same noise and give the same
number of updates. They differ in staleness alone: the last of eight minibatches is seven updates
old.

Known beforehand, of 16 x 16 completions and other seeds: 320 fresh batches of two prompts at this
learning rate end at .72, and so does PPO with eight minibatches of two prompts in 40 batches
(difference -.00 [-.04, .05]).
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._second_round import BATCH, SEEDS, pick

STEPS, PARTS = 24, ("1", "2", "4", "8")
MOST = {"minibatches": "8"}

SWEEP = Sweep(
    title="minibatches: noise or reuse",
    round=2,
    text="What is noise and what is staleness, where a batch is gone through once in minibatches?",
    variants=(
        *pick("pg_is", "ppo", "dppo-tv", "troll"),
        Variant(
            "reinforce",
            label="on-policy",
            instead={
                "minibatches": {
                    part: {"steps": STEPS * int(part), "prompts": 16 // int(part)} for part in PARTS
                }
            },
        ),
    ),
    axes=[Axis("minibatches", {part: {"minibatches": int(part)} for part in PARTS})],
    seeds=SEEDS,
    train=BATCH,
    budget=Budget(steps=STEPS, prompts=256),
    predictions=[
        Prediction(
            "the noise of two prompts makes the fall: fresh batches of two are below fresh "
            "batches of sixteen, at eight times as many updates",
            higher=0.8,
            lower="on-policy",
            at=MOST,
        ),
        Prediction(
            "data seven updates old costs an unrestrained ratio something beside it",
            higher="on-policy",
            lower="pg_is",
            at=MOST,
        ),
        Prediction(
            "the clip stops most of that: PPO is above no region",
            higher="ppo",
            lower="pg_is",
            at=MOST,
        ),
        Prediction(
            "eight updates of a batch move the policy further without a region",
            higher="pg_is",
            lower="ppo",
            measure="kl",
            at=MOST,
        ),
        Prediction(
            "a projection moves it least", higher="ppo", lower="troll", measure="kl", at=MOST
        ),
    ],
)
