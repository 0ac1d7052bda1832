"""Distance or refitting in a model that has read: SmolLM2-135M on two-digit sums, data used again
or once.

On `dial` runs that use a batch again end below runs in parts that move as far (`distance`) or
further (`refit_size`). Here the smaller question is asked of a language model with adapters: at one
rate, is a batch that is used eight times worse than one eight times as large that is gone through
once, and does a region or a smaller rate mend it? *Parts* writes eight times as many completions.
Every run also puts completions aside (`trlab.aside`).

Known beforehand: `real_map` and `real` (eight uses: no region ends at about .59 at 1e-4, begins to
fall at 3e-4 and is lost at 1e-3; there PPO ends at .27, from .10 to .37; one use without a region
is best at 1e-3, .57). No run in parts was made, but single batches on seed 9000 that timed a cell.
Predictions were written down before any run of this sweep.

Three rates were declared, 1e-4, 3e-4 and 1e-3. Before any run two of them were cut, because one
core is free for an hour and a half and a cell takes three minutes of it, one in parts six. With the
two rates fall the predictions that parts end above again at 3e-4 and that fitting again fits more
luck there. The two about PPO were made of 3e-4 and are asked at 1e-3. So *a smaller rate* is not
answered here.
"""

from dataclasses import replace

from trlab import Axis, Prediction, Variant
from trlab.sweep import load_sweep

MAP = load_sweep("real_map")
AGAIN, PARTS = {"epochs": 8}, {"prompts": 64, "minibatches": 8}
FAST = {"lr": "0.001"}
TRAIN = {name: value for name, value in MAP.train.items() if name != "epochs"}

SWEEP = replace(
    MAP,
    title="a real language model: again or in parts",
    round=4,
    text="Does SmolLM2 bear a rate on data that are used once that it does not bear on data that "
    "are fitted again?",
    variants=[
        Variant("pg_is", label="pg_is-again", train=AGAIN),
        Variant("ppo", label="ppo-again", train=AGAIN),
        Variant("pg_is", label="pg_is-parts", train=PARTS),
    ],
    axes=[Axis("lr", (1e-3,))],
    seeds=range(2500, 2506),
    train=TRAIN,
    aside=True,
    provenance="Six seeds, because a run takes minutes: enough for a large difference, for no "
    "small one. Two of three declared rates were cut before any run, because of the time.",
    predictions=[
        Prediction(
            "at 1e-3 parts end above again", higher="pg_is-parts", lower="pg_is-again", at=FAST
        ),
        Prediction("and above .4", higher="pg_is-parts", lower=0.4, at=FAST),
        Prediction("there PPO ends above again", higher="ppo-again", lower="pg_is-again", at=FAST),
        Prediction("and below parts", higher="pg_is-parts", lower="ppo-again", at=FAST),
    ],
)
