"""DPPO as four codes ship it: what does a deviation cost?

Each arm takes the loss as it comes: threshold, anchor, cap, aggregation, sign and pull. Advantages
are the reward less the group's mean everywhere, so that only the loss differs.

    authors          .15, around the sampler, cap 10,000 (off), sum of tokens over the horizon
    verl 0.9.1       .2 (`clip_ratio=0.15` alone is not heard), around the recomputed policy, cap 3,
    mean of tokens
    SkyRL            .2, around the sampler, no cap, mean of tokens
    prime-rl, April  the same, and .001 (log r)² of every token
    prime-rl, August .1, whatever the sign of A, and .001 (log r)²
"""

from pathlib import Path

from trlab import Axis, Budget, Prediction, Sweep, Variant

MASKS, SHIPPED = Path(__file__).with_name("_masks.py"), Path(__file__).with_name("_shipped.py")
MEAN = {"aggregation": "token-mean"}
SAME, LOUD = {"sampler of": "itself"}, {"sampler of": "noise 1"}

SWEEP = Sweep(
    title="DPPO as four codes ship it",
    round=2,
    text="DPPO as its authors, verl, SkyRL and prime-rl ship it: what do the deviations cost?",
    policy="dial_rare",
    variants=(
        Variant("dppo", {"max_ratio": 10_000.0}, label="authors"),
        Variant(f"{SHIPPED}:Verl", label="verl"),
        Variant("dppo", {"delta_tv": 0.2, **MEAN}, label="SkyRL"),
        Variant(f"{MASKS}:Pulled", {"delta_tv": 0.2, **MEAN}, label="prime-rl, April"),
        Variant(
            f"{MASKS}:Pulled", {"delta_tv": 0.1, "signed": False, **MEAN}, label="prime-rl, August"
        ),
    ),
    axes=[Axis("sampler of", {"itself": {}, "noise 1": {"logit_noise": 1.0}})],
    seeds=range(310, 318),
    train={"prompts": 16, "group": 16, "minibatches": 8, "epochs": 2},
    budget=Budget(steps=15, prompts=256),
    predictions=[
        Prediction(
            "a cap of 3 holds the very tokens that must grow",
            higher="authors",
            lower="verl",
            measure="take_off",
            at=SAME,
        ),
        Prediction(
            "a pull of .001 changes nothing",
            higher="SkyRL",
            lower="prime-rl, April",
            at=SAME,
            within=0.03,
        ),
        Prediction(
            "half the threshold takes off later",
            higher="prime-rl, April",
            lower="prime-rl, August",
            measure="take_off",
            at=SAME,
        ),
        Prediction(
            "and holds the policy nearer",
            higher="prime-rl, April",
            lower="prime-rl, August",
            measure="kl",
            at=SAME,
        ),
        Prediction(
            "where they end, nothing separates verl's loss from the authors'",
            higher="authors",
            lower="verl",
            at=SAME,
            within=0.03,
        ),
        Prediction(
            "beside a loud sampler a region around the learner ends higher, against the paper",
            higher="verl",
            lower="authors",
            at=LOUD,
        ),
    ],
)
