"""PPO's KL penalty as its paper adapts it, once a batch, beside the clip, and beside the controller
that we recorded first, which adapted after every minibatch.

The setting of `critic`: 16 prompts x 16 completions, eight minibatches, gone through four times, 25
batches. `critic` had found the clip above the penalty (.80 against .59). That was the penalty whose
weight is doubled or halved 32 times within a batch.

Known beforehand: `critic`; of the paper's rule two runs of another hand, .80 and .81 at the end
(seeds 0 and 1 of `critic`), against .43 and .57 by minibatch. Predictions were written down before
any run of this sweep. The risky one is that the penalty ends where the clip does.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps.shootout import UPDATES

BATCH, MINIBATCH = "penalty, once a batch", "penalty, by minibatch"

SWEEP = Sweep(
    title="a penalty's controller",
    round=6,
    question="the penalty",
    text="Does PPO's KL penalty hold a run as its clip does, once its weight is adapted as the paper "
    "adapts it?",
    variants=(
        Variant("ppo", label="clip"),
        Variant("ppo_penalty", label=BATCH),
        Variant("ppo_penalty", {"adapt_after": "minibatch"}, label=MINIBATCH),
    ),
    axes=[Axis("updates", {"32": UPDATES["32"]})],
    seeds=range(8420, 8432),
    budget=Budget(steps=25, prompts=512, samples=8, common=2026),
    predictions=[
        Prediction(
            "adapted once a batch, the penalty ends above adapting by minibatch", BATCH, MINIBATCH
        ),
        Prediction("it ends where the clip does, within .05", BATCH, "clip", within=0.05),
        Prediction("adapted by minibatch it ends below the clip", "clip", MINIBATCH),
        Prediction(
            "adapted once a batch it takes off sooner", BATCH, MINIBATCH, measure="take_off"
        ),
    ],
)
