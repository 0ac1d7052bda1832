"""A learning rate that falls from 1e-4 to 0, the practical rival of a region: no region and PPO, 24
and 120 batches.

At a constant 1e-4 a run without a region is lost after 24 batches and PPO's has lost a quarter
(`basin`). Practice hardly ever keeps a rate constant. Here it falls linearly to 0 over the run, so
half of its updates are made below 5e-5 and a tenth below 1e-5; batch, uses and evaluation are those
of `horizon`, whose constant rates stand beside.

Known beforehand: `basin` (constant 1e-4, 24 batches, sixteen other seeds: no region .27, PPO .69,
TROLL .81). Nothing is known of a falling rate. Predictions were written down before any run of this
sweep. Seeds as in `horizon`.
"""

from dataclasses import replace
from pathlib import Path

from trlab import Axis, Prediction, Sweep
from trlab.sweeps._second_round import pick
from trlab.sweeps._third_round import BATCH, BUDGET

FALLING = Path(__file__).with_name("_falling.py")
SHORT, LONG = {"batches": "24"}, {"batches": "120"}

SWEEP = Sweep(
    title="a rate that falls",
    round=4,
    text="What is left of a clip's advantage at a high learning rate if the rate falls to 0 over "
    "the run?",
    variants=pick("pg_is", "ppo"),
    axes=[
        Axis(
            "batches", {str(n): {"steps": n, "optimizer": f"{FALLING}:Over{n}"} for n in (24, 120)}
        )
    ],
    seeds=range(2400, 2406),
    train={**BATCH, "epochs": 16, "lr": 1e-4},
    budget=replace(BUDGET, minutes=40),
    provenance="Twelve seeds were planned; six are what two shared cores had time for.",
    predictions=[
        Prediction("after 24 batches no region ends above .6", higher="pg_is", lower=0.6, at=SHORT),
        Prediction("PPO above .85", higher="ppo", lower=0.85, at=SHORT),
        Prediction("so a clip still helps", higher="ppo", lower="pg_is", at=SHORT),
        Prediction("after 120 batches too", higher="ppo", lower="pg_is", at=LONG),
        Prediction("there no region is lost: below .5", higher=0.5, lower="pg_is", at=LONG),
        Prediction("and PPO ends below .85", higher=0.85, lower="ppo", at=LONG),
    ],
)
