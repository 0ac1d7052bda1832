"""The twelve methods that the large sweeps compare, each with the settings that are its radius."""

from math import inf

from trlab import Variant

WINDOW = {"eps_low": 1.0, "eps_high": inf}
TV = {"delta_tv": 1.0}
TWELVE = (
    Variant("pg_is"),
    Variant("ppo", threshold=WINDOW),
    Variant("ppo", {"eps_high": 0.28}, label="clip-higher", threshold=WINDOW),
    Variant("cispo", threshold=WINDOW),
    Variant("gspo", threshold=WINDOW),
    Variant(
        "sapo", threshold={"tau_pos": inf, "tau_neg": inf}
    ),  # a temperature: larger is narrower
    Variant("pspo", threshold={"alpha": 0.9}),  # the share that pulls back: larger is narrower
    Variant("dppo", label="dppo-tv", threshold=TV),
    Variant("dppo", {"delta_kl": 0.05}, label="dppo-kl", threshold={"delta_kl": inf}),
    Variant("dppo", {"delta_tv": 0.15, "measure": "topk"}, label="dppo-topk", threshold=TV),
    Variant("quatro", threshold={"delta_kl": inf}),
    Variant("troll", threshold={"delta_kl": inf}),
)
REGIONS = tuple(variant for variant in TWELVE if variant.threshold)
"""Those that have a radius."""


def pick(*labels: str) -> tuple[Variant, ...]:
    """Some of them by their labels."""
    return tuple(variant for variant in TWELVE if variant.name in labels)
