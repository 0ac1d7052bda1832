"""The push and the number of completions in all weights of SmolLM2, on sums thought aloud: for a GPU.

The task and the rate at which `real_methods` broke without a region: 1e-5, eight updates a batch. 8 or
32 prompts x 8 completions, each batch in eight fits or in eight parts, without a region and with PPO's
clip; and 8 prompts, fitted eight times, with plain rewards and with right answers alone.

Known beforehand: `real_methods` and `real_regions` (8 prompts, eight fits: none .00 to .35, clip .32 to
.52). Predictions were written down before any run of this sweep.

A card's time is short, so this is settled before the first run: cells run seed by seed, seven at a
time, and the seeds that are whole when the time ends are the record, whatever they show.
"""

from dataclasses import replace

from trlab import Prediction, Variant
from trlab.sweep import load_sweep
from trlab.sweeps._push import QUESTION

METHODS = load_sweep("real_methods")
DATA = {"fits": {"epochs": 8}, "parts": {"minibatches": 8}}


def name(method: str, prompts: int, data: str) -> str:
    return f"{method}, {prompts}, {data}"


SWEEP = replace(
    METHODS,
    title="the push in all weights",
    round=6,
    question=f"{QUESTION}: SmolLM2",
    text="In all weights of SmolLM2, what holds a run: more completions, fewer fits, a clip, or how "
    "rewards push?",
    variants=[
        *(
            Variant(method, label=name(label, prompts, data), train={"prompts": prompts, **given})
            for label, method in (("none", "pg_is"), ("clip", "ppo"))
            for prompts in (8, 32)
            for data, given in DATA.items()
        ),
        *(
            Variant("reinforce", {"advantage": push}, label=label, train={"epochs": 8})
            for label, push in (("R log, 8, fits", "reward"), ("right log, 8, fits", "right-only"))
        ),
    ],
    axes=(),
    seeds=range(8620, 8632),
    train={**{k: v for k, v in METHODS.train.items() if k != "prompts"}, "prompts": 8, "lr": 1e-5},
    texts=0,
    aside=True,
    provenance="As many whole seeds as fifteen minutes of one card hold; seven runs at a time.",
    predictions=[
        Prediction("8 prompts fitted eight times are lost: below .1", 0.1, name("none", 8, "fits")),
        Prediction("32 end above .35", name("none", 32, "fits"), 0.35),
        Prediction(
            "8 in eight parts end above 8 fitted eight times",
            name("none", 8, "parts"),
            name("none", 8, "fits"),
        ),
        Prediction("the clip helps 8", name("clip", 8, "fits"), name("none", 8, "fits")),
        Prediction(
            "and 32 by less than .1", name("clip", 32, "fits"), name("none", 32, "fits"), within=0.1
        ),
        Prediction(
            "plain rewards end above 8 without a region", "R log, 8, fits", name("none", 8, "fits")
        ),
        Prediction("and above the clip", "R log, 8, fits", name("clip", 8, "fits")),
    ],
)
