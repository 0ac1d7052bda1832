"""PPO's clip and DPPO's mask in SmolLM2, all of its weights learning, every batch used eight times:
the pair of `real_methods` that one recorded run each left open, on seeds of its own.

`real_methods_first` (seed 7300): at 1e-5 PPO's clip ended at .43, DPPO's mask at .01. That would be
the largest difference between the two in this book, and against chapter 7, which found them alike
with adapters. One seed decides nothing, and the six seeds of `real_methods` need a GPU. Three seeds of
two methods do not: on one core a run takes a quarter of an hour.

Predictions were written down before any run of this sweep.
"""

from dataclasses import replace

from trlab import Prediction
from trlab.sweep import load_sweep

METHODS = load_sweep("real_methods")
PAIR = {"ppo", "dppo-tv"}

SWEEP = replace(
    METHODS,
    title="clip or mask in a real language model",
    text="Does DPPO's mask let SmolLM2 break where PPO's clip holds it?",
    variants=[variant for variant in METHODS.variants if variant.name in PAIR],
    axes=(),
    seeds=range(7400, 7403),
    train={**METHODS.train, "lr": 1e-5},
    texts=0,
    provenance="Three seeds of two methods, on a processor, one thread: enough for a difference as "
    "large as the one that was seen, for no small one.",
    predictions=[
        Prediction("PPO's clip ends above DPPO's mask", "ppo", "dppo-tv"),
        Prediction("the mask lets it break: it ends below .1", 0.1, "dppo-tv"),
        Prediction("the clip holds it above .3", "ppo", 0.3),
    ],
)
