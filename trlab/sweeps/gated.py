"""The practical rival of a region: reuse that stops when held-out completions gain no more. And luck
alone: rewards that are dealt again.

- *16*: 16 prompts, used sixteen times, as in `basin`;
- *32*: 32 prompts, used sixteen times: what a run does that fits all it has sampled;
- *gated*: 32 prompts; 16 of them are fitted, up to sixteen times, and the other 16 are the gate. So
  it samples as much as *32* and fits as few as *16*. `fits` is how often it went through a batch;
- *ppo*: 32 prompts, used sixteen times, with PPO's clip;
- *permuted*: as *16*, but each prompt's rewards are dealt again among its completions. Its
  advantages are as large and say nothing, so whatever it fits is luck.

Known beforehand: `basin` and `refit_size` (16 and 64 prompts at 1e-4: .27 and .80), no gated and no
permuted run. Predictions were written down before any run of this sweep. The risky ones are that
the gate ends above PPO at 3e-4, and that luck alone breaks what the base model can do already at
3e-5.
"""

from pathlib import Path

from trlab import Axis, Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH, BUDGET

FILE = Path(__file__).with_name("_gated.py")
DOUBLE = {**BATCH, "prompts": 32, "epochs": 16}
SINGLE = {**BATCH, "epochs": 16}
LOW, MIDDLE, HIGH = {"lr": "3e-05"}, {"lr": "0.0001"}, {"lr": "0.0003"}

SWEEP = Sweep(
    title="reuse that stops by itself",
    round=5,
    text="Does a run that stops reusing a batch when held-out completions gain no more need a region "
    "or a small rate?",
    variants=[
        Variant("pg_is", label="16", train=SINGLE),
        Variant("pg_is", label="32", train=DOUBLE),
        Variant(f"{FILE}:Gated", label="gated", train=DOUBLE),
        Variant("ppo", label="ppo", train=DOUBLE),
        Variant(f"{FILE}:Permuted", label="permuted", train=SINGLE),
    ],
    axes=[Axis("lr", (3e-5, 1e-4, 3e-4))],
    seeds=range(7140, 7148),
    budget=BUDGET,
    aside=True,
    predictions=[
        Prediction("at 1e-4 the gate ends above fitting all", "gated", "32", at=MIDDLE),
        Prediction("at 3e-4 too", "gated", "32", at=HIGH),
        Prediction("at 1e-4 it ends above PPO's clip", "gated", "ppo", at=MIDDLE),
        Prediction("at 3e-4 too", "gated", "ppo", at=HIGH),
        Prediction(
            "at 3e-5 it costs less than .05 against fitting all", "gated", "32", within=0.05, at=LOW
        ),
        Prediction(
            "the higher the rate the sooner it stops: fewer than eight updates at 3e-4",
            8.0,
            "gated",
            measure="fits",
            at=HIGH,
        ),
        Prediction("luck alone harms already at 3e-5: below .25", 0.25, "permuted", at=LOW),
        Prediction("and at 1e-4 it leaves less than .15", 0.15, "permuted", at=MIDDLE),
    ],
)
