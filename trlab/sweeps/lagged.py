"""Signed or not, where the data are old instead of used often.

prime-rl gave a reason for masking whatever the sign of the advantage: with asynchronous data no
batch is used twice, so the way that a token has gone was decided by other batches, and its own
advantage does not say where it goes next. The sweep `signed` reuses a batch. This one never does:
every batch is used once, and was sampled 2 or 8 batches ago.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._second_round import BATCH

AROUND = {"anchor": "rollout"}
OLD = {"lag": "8"}

SWEEP = Sweep(
    title="old data, used once: the sign",
    round=2,
    text="Where a batch is old and used once, should a token outside the region keep the gradient "
    "that brings it back?",
    variants=(
        Variant("pg_is", train=AROUND),
        Variant("ppo", train=AROUND),
        Variant("dppo", label="signed", train=AROUND),
        Variant("dppo", {"signed": False}, label="unsigned", train=AROUND),
    ),
    axes=[Axis("lag", {"2": {"lag": 2}, "8": {"lag": 8}})],
    seeds=range(310, 318),
    train=BATCH,
    budget=Budget(steps=24, prompts=256),
    predictions=[
        Prediction(
            "the sign is a coin's throw for a token that other batches moved, so unsigned masks "
            "silence more",
            higher="signed",
            lower="unsigned",
            measure="kept",
            at=OLD,
        ),
        Prediction(
            "what comes back keeps the sampler near: without the sign the learner is further from "
            "it",
            higher="unsigned",
            lower="signed",
            measure="kl_sampler",
            at=OLD,
        ),
        Prediction("and ends no higher", higher="signed", lower="unsigned", at=OLD),
        Prediction(
            "a mask of either kind ends above none", higher="unsigned", lower="pg_is", at=OLD
        ),
        Prediction(
            "at a lag of 2 nothing separates the two",
            higher="signed",
            lower="unsigned",
            at={"lag": "2"},
            within=0.04,
        ),
    ],
)
