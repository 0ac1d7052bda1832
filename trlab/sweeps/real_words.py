"""Three runs to be read: SmolLM2-135M on sums thought aloud, a batch used once, eight times, and eight
times with PPO's clip. All of its weights learn.

A batch is 8 prompts x 8 completions. Before every batch and at the end the policy answers four fixed
prompts, each time with the same uniform numbers (`trlab.texts`). One run each: they show what breaking
and holding look like in words, and decide nothing. `real_methods` asks the question of six methods
and six seeds, on a GPU.

Known beforehand: without a region eight uses at 1e-5 broke on seed 9000 within three batches, in six
batches that were run to see how long they take. On a GPU one use at 1e-5 ended between .54 and .63
after 24 batches, in four runs (seeds 7200 and 7203). Expected, written down before any of these runs:
once learns to about .5, eight times breaks within five batches, the clip holds longer and ends below
once.
"""

from dataclasses import replace

from trlab import Variant
from trlab.sweep import load_sweep

METHODS = load_sweep("real_methods")

SWEEP = replace(
    METHODS,
    title="three runs to be read",
    text="What does SmolLM2 write while it learns, breaks and holds?",
    variants=[
        Variant("pg_is", label="once"),
        Variant("pg_is", label="eight times", train={"epochs": 8}),
        Variant("ppo", label="eight times, clipped", train={"epochs": 8}),
    ],
    axes=(),
    seeds=(7310,),
    train={**METHODS.train, "lr": 1e-5},
    budget=replace(METHODS.budget, steps=16),
    texts=1,
    provenance="One run each, to be read. On a processor, one thread; one with eight uses takes a "
    "quarter of an hour.",
    predictions=(),
)
