"""Why TRPO ends lower on `dial`: its direction, its batch or its momentum, one at a time.

One product of conjugate gradients leaves the direction of the gradient as it is and still finds the
length that spends the radius: TRPO without the natural direction, everything else alike. The radius
is varied by the sweep `loops`.

Known beforehand, on seed 100 and 30 batches: GRPO .90 with .0008 nats per token and batch, without
momentum .91 with .0051; TRPO .67 with .0040, in the gradient's direction .90 with .0070 and a mean
reward of .69 in the first ten batches where GRPO has .38; with four times the batch .89; with a
quarter .39.
"""

from trlab import Budget, Prediction, Sweep, Variant

GRADIENT, LARGE, FORGETFUL = "trpo, gradient", "trpo, 4 x batch", "grpo, no momentum"

SWEEP = Sweep(
    title="why TRPO ends lower",
    round=2,
    text="Why does TRPO end lower: is it the natural direction, the size of the batch, or AdamW's "
    "memory?",
    variants=(
        Variant("grpo"),
        Variant("grpo", label=FORGETFUL, train={"betas": (0.0, 0.95)}),
        Variant("trpo"),
        Variant("trpo", {"iterations": 1}, label=GRADIENT),
        Variant("trpo", label=LARGE, train={"prompts": 64}),
    ),
    seeds=range(300, 308),
    budget=Budget(steps=30, prompts=256),
    predictions=[
        Prediction(
            "at the same radius the gradient's own direction ends higher than the natural one",
            higher=GRADIENT,
            lower="trpo",
        ),
        Prediction("it ends where AdamW ends", higher=GRADIENT, lower="grpo", within=0.03),
        Prediction(
            "and it does not spend less of the radius", higher=GRADIENT, lower="trpo", measure="kl"
        ),
        Prediction(
            "it learns faster than AdamW at its learning rate",
            higher=GRADIENT,
            lower="grpo",
            measure="take_off",
        ),
        Prediction(
            "four times the batch repairs much of the natural direction", higher=LARGE, lower="trpo"
        ),
        Prediction(
            "and still leaves it below the gradient of one batch", higher=GRADIENT, lower=LARGE
        ),
        Prediction(
            "AdamW needs no memory of earlier batches to end where it ends",
            higher=FORGETFUL,
            lower="grpo",
            within=0.03,
        ),
    ],
)
