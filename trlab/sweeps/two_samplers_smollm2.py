"""The corners of two samplers with a real language model: SmolLM2 with adapters, sums, 60 batches.

Known beforehand: one run of plain rewards, late (seed 8992), ended at .72 sampled. The rounded half
is not asked: four bits a row, which is what `sampler="int4"` simulates, leave the untrained model
.004 of its .117 right answers, so such a sampler shows a learner next to nothing (eight bits: .113).
Advantages stand in its place. Six seeds, because a run takes minutes: a description, no decision.
Predictions were written down before any run of this sweep.
"""

from trlab import Budget, Prediction
from trlab.sweeps._two_samplers import (
    ADVANTAGES,
    CENTERED,
    LATE,
    PLAIN,
    asked,
    at,
    pick,
    samplers,
)

SWEEP = asked(
    title="two samplers, a real language model",
    text="Does SmolLM2, too, bear old answers with plain rewards, and not with centered ones?",
    variants=pick(PLAIN, CENTERED, ADVANTAGES),
    axes=[samplers(LATE)],
    seeds=range(8993, 8999),
    task="sums",
    knobs={
        "numbers": [10, 99],
        "text": "{} =",
        "examples": 2,
        "must_end": False,
        "max_tokens": 5,
    },
    policy="smollm2",
    load={"lora": {"r": 8, "target_modules": "all-linear"}, "chat": False},
    train={"prompts": 8, "group": 8, "anchor": "rollout", "lr": 1e-3, "warmup": 2, "probe": 4},
    budget=Budget(steps=60, prompts=128, samples=4, common=2026, minutes=60),
    aside=True,
    predictions=[
        Prediction("late, plain rewards end above centered ones", PLAIN, CENTERED, at=at(LATE)),
        Prediction("and above advantages", PLAIN, ADVANTAGES, at=at(LATE)),
        Prediction("and above .5", PLAIN, 0.5, at=at(LATE)),
    ],
)
