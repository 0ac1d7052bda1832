"""The map of `completions` for the arm *same 16*: sixteen times as many completions of the same
prompts, each fitted once."""

from dataclasses import replace

from trlab import Variant
from trlab.sweeps._fifth import BATCH, DATA, SAME, TASK
from trlab.sweeps.completions_map import SWEEP as MAP

RATES = (1e-4, 1.5e-4, 1.9e-4, 2.7e-4)

SWEEP = replace(
    MAP,
    title="rates for equal distances: the same prompts",
    text="Which learning rate moves a policy by .02 or by .1 nats per batch, if the batch holds many "
    "completions of few prompts?",
    variants=[
        Variant(
            "pg_is",
            label=SAME,
            train={**BATCH, **DATA["256 x 1"]},
            instead={"rate": {str(i): {"lr": lr} for i, lr in enumerate(RATES, 1)}},
        )
    ],
    task=TASK,
    policy="dial",
)
