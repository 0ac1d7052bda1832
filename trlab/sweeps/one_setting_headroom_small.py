"""The simplest rival explanation of why rewards with TIS fail with four bits on the harder task: the
learning rate is too large for it. A third of it, and half as many batches again."""

from dataclasses import replace

from trlab.sweeps._one_setting import (
    A_TIS,
    ARMS,
    BUDGET,
    FRESH,
    R_TIS,
    ROUNDED,
    above,
    asked,
    samplers,
    trained,
)

SWEEP = asked(
    title="one setting, headroom, a small learning rate",
    text="Does R with TIS learn from a four-bit sampler at a smaller learning rate? `dial` with 8 to 12 moves "
    "at 3e-5.",
    provenance="Eight seeds and two rules, because it asks one question.",
    known="No pilot at 3e-5. Recorded at 1e-4 with 256 batches (`one_setting_headroom_slow`): fresh R with TIS "
    ".36; four bits R with TIS .07, A with TIS .33. There the mean reward of R with TIS and four bits rises "
    "to .14 by batch 48 and falls afterwards, to .12 at batch 85 and .10 at batch 128.",
    variants=[arm for arm in ARMS if arm.label in (R_TIS, A_TIS)],
    budget=replace(BUDGET, steps=384),
    knobs={"moves": (8, 12)},
    axes=samplers(FRESH, ROUNDED),
    seeds=range(12620, 12628),
    train=trained(3e-5),
    predictions=[
        *above(ROUNDED, A_TIS, R_TIS, "sampled", "greedy"),
        *above(FRESH, R_TIS, 0.2),
    ],
)
