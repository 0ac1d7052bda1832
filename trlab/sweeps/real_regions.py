"""No region and TROLL's projection in SmolLM2, all of its weights learning, every batch used eight
times: two more methods of `real_methods`, on the seeds of `real_clip_or_mask`.

`real_methods_first` (seed 7300), at 1e-5: without a region .00, TROLL .32, one run each.
The same sweep gave DPPO's mask .01 and PPO's clip .43; three runs of each gave .35 and .45. So a
single run's break says little here, also that of the arm which the book lets break everywhere: no
region.

Predictions were written down before any run of this sweep. It was declared with QUATRO as a third
method; a run took 23 minutes, not the quarter of an hour that was known, and QUATRO left before one
of its runs had ended.
"""

from dataclasses import replace

from trlab import Prediction
from trlab.sweep import load_sweep

METHODS = load_sweep("real_methods")
PAIR = {"pg_is", "troll, top 64"}

SWEEP = replace(
    METHODS,
    title="no region or a projection in a real language model",
    text="Does SmolLM2 break without a region whenever a batch is used eight times, and does TROLL "
    "hold it?",
    variants=[variant for variant in METHODS.variants if variant.name in PAIR],
    axes=(),
    seeds=range(7400, 7403),
    train={**METHODS.train, "lr": 1e-5},
    provenance="Three seeds of two methods, on a processor, one thread: enough for a difference as "
    "large as the one that was seen, for no small one.",
    predictions=[
        Prediction("without a region it breaks: it ends below .1", 0.1, "pg_is"),
        Prediction("TROLL's projection ends above it", "troll, top 64", "pg_is"),
        Prediction("TROLL holds it above .2", "troll, top 64", 0.2),
    ],
)
