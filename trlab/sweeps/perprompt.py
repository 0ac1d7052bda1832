"""QUATRO's constraint per prompt, where easy and hard prompts meet: which way of bounding holds,
what the floor does.

Prompts of 1 to 8 moves, every batch used 4 times, the exact divergence of every completion. A
prompt with 7 right of 8 wants a step that the radius allows only with a small multiplier; the floor
under it (`lambda_min`) then leaves the prompt without an effective radius. Forward and backward
bound KL(μ || π) and KL(π || μ).

Known beforehand, on other seeds: with the default floor 15 right of 16 give a target of -100 nats
for the wrong one; the forward direction had no collapse in four runs (.85 .79 .55 .71); the
gradient's norm before clipping is 5 to 35.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._second_round import BATCH, SEEDS

SWEEP = Sweep(
    title="easy and hard prompts",
    round=2,
    text="Does a constraint per prompt hold every prompt near its radius, easy or hard, and what "
    "does each part do?",
    variants=(
        Variant("ppo"),
        Variant("grpo"),
        Variant("quatro"),
        Variant("quatro", {"direction": "forward"}, label="forward"),
        Variant("quatro", {"lambda_min": 0.1}, label="floor .1"),
        Variant("quatro", {"lambda_min": 0.001}, label="floor .001"),
        Variant("quatro", label="unclipped gradient", train={"grad_norm": 1e6}),
    ),
    axes=[Axis("uses", {"4": {"epochs": 4}})],
    knobs={"moves": (1, 8)},
    seeds=SEEDS,
    train={**BATCH, "probe": 128},
    budget=Budget(steps=24, prompts=256),
    predictions=[
        Prediction(
            "the multiplier of a nearly solved prompt is at its floor, so it moves more than the "
            "radius of .1",
            higher="quatro",
            lower=0.1,
            measure="kl_many",
        ),
        Prediction(
            "a higher floor holds it nearer", higher="quatro", lower="floor .1", measure="kl_many"
        ),
        Prediction(
            "forward has no collapse: it ends above backward", higher="forward", lower="quatro"
        ),
        Prediction(
            "PPO has no constraint per prompt: nearly solved prompts move less than a radius, "
            "for their advantages are small",
            higher=0.1,
            lower="ppo",
            measure="kl_many",
        ),
        Prediction(
            "dividing by the group's deviation moves nearly solved prompts more",
            higher="grpo",
            lower="ppo",
            measure="kl_many",
        ),
        Prediction(
            "AdamW ignores the gradient's scale but not how it varies: without clipping QUATRO "
            "ends no lower than .5",
            higher="unclipped gradient",
            lower=0.5,
        ),
    ],
)
