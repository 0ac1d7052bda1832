"""What the second round shares: its batch, its seeds, and ten methods, each with what is its
radius.

A batch is 16 prompts x 8 completions, half of the first round's, so that the tuning runs of ten
methods fit. It is used whole: an update sees all of it, and `uses` is the number of updates from
one batch, not of minibatches.
"""

from math import inf

from trlab import Variant
from trlab.sweeps._twelve_methods import pick as of_twelve

BATCH = {"prompts": 16, "group": 8, "lr": 3e-4}
SEEDS = range(200, 208)
"""No run before it has used one of these."""
USES = {"1": {}, "2": {"epochs": 2}, "4": {"epochs": 4}, "8": {"epochs": 8}, "16": {"epochs": 16}}
TEN = (
    # It has no region; how long a step may be is all that it can turn.
    Variant("pg_is", threshold={"grad_norm": inf}),
    *of_twelve("ppo", "clip-higher", "cispo", "gspo", "sapo", "pspo", "dppo-tv", "quatro", "troll"),
)


def pick(*labels: str) -> tuple[Variant, ...]:
    """Some of them by their labels, with their defaults."""
    return tuple(variant for variant in TEN if variant.name in labels)
