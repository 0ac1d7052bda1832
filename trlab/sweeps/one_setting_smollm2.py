"""R and A with TIS in a language model: SmolLM2 with adapters, two-digit sums, 60 batches at 1e-3.

Four bits are not asked: rounded by rows, the untrained model keeps .004 of its .117 right answers, so
that such a sampler shows a learner next to nothing (eight bits: .113).
"""

from trlab import Budget
from trlab.sweeps._one_setting import (
    A_TIS,
    ARMS,
    FRESH,
    R_TIS,
    STALE,
    above,
    alike,
    asked,
    samplers,
)

SWEEP = asked(
    title="one setting, a language model",
    text="Does R with TIS serve a fresh and a stale sampler in SmolLM2?",
    question="one setting: SmolLM2",
    provenance="Six seeds, because a run takes minutes: a description, no verdict.",
    known="Recorded with 16 updates and without a ratio (`two_samplers_smollm2`, six seeds): R .70, A .08, R "
    "centered .16. No pilot with TIS.",
    variants=[arm for arm in ARMS if arm.label in (R_TIS, A_TIS)],
    axes=samplers(FRESH, STALE),
    seeds=range(12600, 12606),
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
    predictions=[*above(STALE, R_TIS, A_TIS), *alike(FRESH, R_TIS, A_TIS)],
)
