"""`real_distance` with all of SmolLM2's weights learning and batches of 64 prompts x 16
completions: for a GPU.

    trlib sweep real_distance_whole --workers 4

A GPU is taken where there is one, four runs at once; without one it runs too, and takes days.
`--smoke` proves in some minutes that the code runs. *Parts* is a batch of 512 prompts in eight parts.

Known beforehand: `real_whole` (8 x 8 completions, eight uses: no region is best at 3e-6 and begins
to fall at 1e-5). Predictions were written down before any run of this sweep.
"""

from dataclasses import replace

from trlab import Axis, Prediction
from trlab.sweep import load_sweep

HALF = load_sweep("real_distance")
PARTS = {"prompts": 512, "minibatches": 8}
MIDDLE, FAST = ({"lr": lr} for lr in ("3e-06", "1e-05"))

SWEEP = replace(
    HALF,
    title="a real language model, all weights: again or in parts",
    variants=[
        replace(variant, train=PARTS) if variant.name == "pg_is-parts" else variant
        for variant in HALF.variants
    ],
    axes=[Axis("lr", (1e-6, 3e-6, 1e-5))],
    seeds=range(2510, 2514),
    load={"chat": HALF.load["chat"], "dtype": "float32"},
    train={**HALF.train, "prompts": 64, "group": 16, "at_once": 256},
    budget=replace(HALF.budget, steps=40),
    provenance="Four seeds, because a run is long: enough for a large difference, for no small one.",
    predictions=[
        Prediction(
            "at 1e-5 parts end above again", higher="pg_is-parts", lower="pg_is-again", at=FAST
        ),
        Prediction("there PPO ends above again", higher="ppo-again", lower="pg_is-again", at=FAST),
        Prediction(
            "at 3e-6 fitting again fits more luck",
            higher="pg_is-again",
            lower="pg_is-parts",
            measure="luck",
            at=MIDDLE,
        ),
    ],
)
