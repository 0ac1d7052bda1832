"""The gallery's objectives and optimisers, each with what is its radius, or else the bound on the
gradient's norm.

Beside them stand pg_is and ppo, and of the methods that read an expert plain supervision. An
optimiser runs PPO's objective, at a learning rate of its own kind: its steps have the size that the
rate says, whatever the gradient.
"""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

from trlab import Variant
from trlab.sweeps._twelve_methods import WINDOW

TUNED_ON, SEEDS = (140, 141), range(400, 408)
"""No other run has used one of these."""
RATES = ("0.0001", "0.0003", "0.001")
BALLS = {"muon": 8.0, "frobenius": 50.0, "sign": 0.3, "auon": 300.0, "hybrid_auon": 8.0}
"""How many times AdamW's learning rate each optimiser takes, from ten runs of one use on seed 150:
three to ten times as much collapsed in four of the five."""


def _ball(name: str, times: float) -> Variant:
    return Variant(
        "ppo",
        label=name,
        threshold=WINDOW,
        train={"optimizer": name},
        instead={"lr": {rate: {"lr": times * float(rate)} for rate in RATES}},
    )


NO_RADIUS = {"grad_norm": inf}
OBJECTIVES = (
    Variant("pg_is", threshold=NO_RADIUS),
    Variant("ppo", threshold=WINDOW),
    Variant("bapo", threshold={"target": inf}),
    Variant("minpro", threshold=WINDOW),
    Variant("cpgd", threshold={"eps": 0.99}),
    Variant("r2vpo", threshold={"delta": inf}),
    Variant("capo", threshold={"tau_f": inf}),
    Variant("trefree", threshold={"delta": inf}),
    Variant("pb_ppo", threshold=NO_RADIUS),
    Variant("fixpo", threshold={"eps_kl": inf}),
    Variant("mdpo", threshold={"t": inf}),
    Variant("counterpol", {"target": 1.0}, threshold={"k": inf}),  # larger is narrower
    Variant("rebel", threshold={"eta": inf}),
    Variant("lco", threshold={"beta": inf}),  # larger is narrower
    Variant("lco", {"kind": "mse"}, label="lco-mse", threshold={"beta": inf}),
    Variant("rover", threshold={"rho": inf}),  # larger is narrower
    Variant("dpo", threshold={"beta": inf}),  # larger is narrower
    Variant("tr_dpo", threshold={"beta": inf}),  # larger is narrower
    Variant("adpo", threshold={"tau": inf}),
    Variant("trpa", threshold={"beta": inf}),  # larger is narrower
    Variant("opo", threshold=NO_RADIUS),
    Variant("dvpo", threshold=WINDOW),
    Variant("sft", threshold=NO_RADIUS),
    Variant("smart", threshold={"mu": inf}),  # larger is narrower
    Variant("sam", threshold={"rho": inf}),
    Variant("tram", threshold={"rho": inf}),
    *(_ball(name, times) for name, times in BALLS.items()),
)


def methods(rates: Sequence[float]) -> list[Variant]:
    """The same over other learning rates."""
    return [
        replace(
            variant,
            instead={"lr": {f"{rate:g}": {"lr": BALLS[variant.name] * rate} for rate in rates}},
        )
        if variant.name in BALLS
        else variant
        for variant in OBJECTIVES
    ]
