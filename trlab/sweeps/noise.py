"""A sampler that is not the learner: graded noise, four-bit weights, lag. What corrects for it?

Every batch is used twice. `rollout` draws the region around what sampled, so that the first ratio
already holds the mismatch; `recomputed` draws it around the learner and forgets the mismatch,
unless a correction on the advantages (truncated or masked importance sampling) remembers it.

Known beforehand, from the first round's `mismatch`: around a four-bit sampler DPPO ends .08 [.04,
.12] lower than with the recomputed anchor, which is the opposite of what its paper claims; half
precision shows nothing.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._second_round import BATCH, SEEDS
from trlib.algorithms import Correction

AROUND = {"anchor": "rollout"}
LEARNER = {"anchor": "recomputed"}
LOUD, INT4, LATE = {"sampler of": "noise 1"}, {"sampler of": "int4"}, {"sampler of": "lag 8"}

SWEEP = Sweep(
    title="a sampler that is not the learner",
    round=2,
    text="When the sampler differs from the learner: correct for it, mask it, or draw the region "
    "around it?",
    variants=(
        Variant("ppo", label="ppo, learner", train=LEARNER),
        Variant("ppo", {"correction": Correction()}, label="ppo + TIS", train=LEARNER),
        Variant("ppo", {"correction": Correction(how="mask")}, label="ppo + mask", train=LEARNER),
        Variant("ppo", label="ppo, sampler", train=AROUND),
        Variant("dppo", label="dppo, learner", train=LEARNER),
        Variant("dppo", label="dppo, sampler", train=AROUND),
    ),
    axes=[
        Axis(
            "sampler of",
            {
                "itself": {},
                "noise .3": {"logit_noise": 0.3},
                "noise 1": {"logit_noise": 1.0},
                "int4": {"sampler": "int4"},
                "lag 8": {"lag": 8},
            },
        )
    ],
    seeds=SEEDS,
    train={**BATCH, "epochs": 2},
    budget=Budget(steps=24, prompts=256),
    predictions=[
        Prediction(
            "loud noise makes every ratio to the sampler far from 1, so a clip around it "
            "silences what is right: PPO around the learner is above PPO around the sampler",
            higher="ppo, learner",
            lower="ppo, sampler",
            at=LOUD,
        ),
        Prediction("the same with four bits", higher="ppo, learner", lower="ppo, sampler", at=INT4),
        Prediction(
            "a mask on probabilities forgives noise on rare tokens: around the sampler DPPO is "
            "above PPO",
            higher="dppo, sampler",
            lower="ppo, sampler",
            at=INT4,
        ),
        Prediction(
            "DPPO around four bits stays below DPPO around the learner, against its paper",
            higher="dppo, learner",
            lower="dppo, sampler",
            at=INT4,
        ),
        Prediction(
            "TIS weighs down what the sampler wrote too often, which helps where noise is loud",
            higher="ppo + TIS",
            lower="ppo, learner",
            at=LOUD,
        ),
        Prediction(
            "a lag of 8 batches is staleness that the learner's anchor cannot see: around the "
            "sampler is better",
            higher="ppo, sampler",
            lower="ppo, learner",
            at=LATE,
        ),
        Prediction(
            "the divergence between sampler and learner is larger with noise 1 than .02 nats a "
            "token",
            higher="ppo, learner",
            lower=0.02,
            measure="kl_sampler",
            at=LOUD,
        ),
    ],
)
