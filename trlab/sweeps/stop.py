"""Early stopping by KL, the commonest region in practice: a batch is put away once the policy has
moved far enough on it (`stop_kl`; stable-baselines3's `target_kl`). Beside it stand the rivals that
need no measurement: PPO's clip, and two uses of every batch, always.

Known beforehand: `reuse` (two uses .82 at 3e-4, eight .06; other seeds), `push` (r A and the clip, as
far as they were recorded), and six batches of one run at 1e-4 with a stop at .02. Predictions were
written down before any run of this sweep. The risky ones are that the stop ends above the clip, and
that a fixed number of uses does as well.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH

NONE, TWO, CLIP = "none", "two uses", "clip"
NEAR, FAR, BOTH = "stop .01", "stop .03", "clip, stop .01"
LOW, MIDDLE, HIGH = ({"lr": lr} for lr in ("3e-05", "0.0001", "0.0003"))
ONCE = {**BATCH, "anchor": "rollout"}

SWEEP = Sweep(
    title="early stopping",
    round=6,
    question="early stopping",
    text="A batch may be used sixteen times, and is put away once the policy has moved by a KL. Does "
    "that hold a run as well as PPO's clip, and better than two uses, always?",
    variants=[
        Variant("pg_is", label=NONE),
        Variant("pg_is", label=TWO, train={"epochs": 2}),
        Variant("ppo", label=CLIP),
        Variant("pg_is", {"stop_kl": 0.01}, label=NEAR),
        Variant("pg_is", {"stop_kl": 0.03}, label=FAR),
        Variant("ppo", {"stop_kl": 0.01}, label=BOTH),
    ],
    axes=[Axis("lr", (3e-5, 1e-4, 3e-4))],
    seeds=range(8640, 8652),
    train={**ONCE, "epochs": 16},
    budget=Budget(steps=24, prompts=512, samples=16, common=2026),
    aside=True,
    predictions=[
        Prediction("at 1e-4 a stop at .01 ends above no region", NEAR, NONE, at=MIDDLE),
        Prediction("at 3e-4 too", NEAR, NONE, at=HIGH),
        Prediction("at 1e-4 it ends above the clip", NEAR, CLIP, at=MIDDLE),
        Prediction("at 3e-4 too", NEAR, CLIP, at=HIGH),
        Prediction(
            "two uses, always, do as well at 3e-4, within .05", NEAR, TWO, within=0.05, at=HIGH
        ),
        Prediction("and at 1e-4", NEAR, TWO, within=0.05, at=MIDDLE),
        Prediction(
            "a clip adds nothing to the stop at 1e-4, within .03",
            BOTH,
            NEAR,
            within=0.03,
            at=MIDDLE,
        ),
        Prediction("a stop at .03 holds less than one at .01 at 3e-4", NEAR, FAR, at=HIGH),
        Prediction(
            "at 3e-5 the stop costs nothing: within .03 of no region",
            NEAR,
            NONE,
            within=0.03,
            at=LOW,
        ),
    ],
)
