"""No region, TROLL's projection and QUATRO in SmolLM2, all of its weights learning, every batch used
eight times: three more methods of `real_methods`, on the seeds of `real_clip_or_mask`.

`real_methods_first` (seed 7300), at 1e-5: without a region .00, TROLL .32, QUATRO .49, one run each.
The same sweep gave DPPO's mask .01 and PPO's clip .43; three runs of each gave .35 and .45. So a
single run's break says little here, also that of the arm which the book lets break everywhere: no
region.

Predictions were written down before any run of this sweep.
"""

from dataclasses import replace

from trlab import Prediction
from trlab.sweep import load_sweep

METHODS = load_sweep("real_methods")
THREE = {"pg_is", "troll, top 64", "quatro"}

SWEEP = replace(
    METHODS,
    title="no region, a projection and a penalty in a real language model",
    text="Does SmolLM2 break without a region whenever a batch is used eight times, and do TROLL and "
    "QUATRO hold it?",
    variants=[variant for variant in METHODS.variants if variant.name in THREE],
    axes=(),
    seeds=range(7400, 7403),
    train={**METHODS.train, "lr": 1e-5},
    provenance="Three seeds of three methods, on a processor, one thread: enough for a difference as "
    "large as the one that was seen, for no small one.",
    predictions=[
        Prediction("without a region it breaks: it ends below .1", 0.1, "pg_is"),
        Prediction("TROLL's projection ends above it", "troll, top 64", "pg_is"),
        Prediction("QUATRO ends above it", "quatro", "pg_is"),
        Prediction("TROLL holds it above .2", "troll, top 64", 0.2),
        Prediction("QUATRO ends above TROLL, as one run each did", "quatro", "troll, top 64"),
    ],
)
