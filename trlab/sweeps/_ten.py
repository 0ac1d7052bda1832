"""What the second round shares: its batch, its seeds, and ten methods, each with what is its
radius.

A batch is 16 prompts x 8 completions, half of the first round's, so that the tuning runs of ten
methods fit. It is used whole: an update sees all of it, and `uses` is the number of updates from
one batch, not of minibatches.
"""

from math import inf

from trlab import Variant

BATCH = {"prompts": 16, "group": 8, "lr": 3e-4}
SEEDS = range(200, 208)
"""No run before it has used one of these."""
USES = {"1": {}, "2": {"epochs": 2}, "4": {"epochs": 4}, "8": {"epochs": 8}, "16": {"epochs": 16}}
TEN = (
    Variant(
        "pg_is", threshold={"grad_norm": inf}
    ),  # it has no region; how long a step may be is all that it can turn
    Variant("ppo", threshold={"eps_low": 1.0, "eps_high": inf}),
    Variant(
        "ppo", {"eps_high": 0.28}, label="clip-higher", threshold={"eps_low": 1.0, "eps_high": inf}
    ),
    Variant("cispo", threshold={"eps_low": 1.0, "eps_high": inf}),
    Variant("gspo", threshold={"eps_low": 1.0, "eps_high": inf}),
    Variant("sapo", threshold={"tau_pos": inf, "tau_neg": inf}),  # temperatures: larger is narrower
    Variant("pspo", threshold={"alpha": 0.9}),  # the share that pulls back: larger is narrower
    Variant("dppo", label="dppo-tv", threshold={"delta_tv": 1.0}),
    Variant("quatro", threshold={"delta_kl": inf}),
    Variant("troll", threshold={"delta_kl": inf}),
)


def pick(*labels: str) -> tuple[Variant, ...]:
    """Some of them by their labels, with their defaults."""
    return tuple(variant for variant in TEN if variant.name in labels)
