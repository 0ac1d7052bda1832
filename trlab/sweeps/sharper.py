"""Better, or only sharper? Four pushes, each batch used up to sixteen times, with a stop at .008 nats in
every batch and without one; on `dial` 24 batches at 1e-4.

`push` compares the arms at an equal rate and `push_equal` at an equal distance in the median batch.
A stop holds the distance equal in every batch. Read greedily and sampled.

Known beforehand, one or two runs with other seeds and a stop at .01: R log .890 .883, clip .875 .874
.833, A log .840 .823, 1 and -1 .817 .869, greedy means .976 .978 .979 .983; without a stop `push` has
.868, .691, .055 and .006. Predictions were written down before any run of this sweep.
"""

from collections.abc import Sequence
from dataclasses import replace

from trlab import Prediction, Sweep, Variant
from trlab.sweeps._push import BUDGET, CLIP, LOG_A, LOG_R, OFTEN, SIGNED_LOG, pick

NEAR = 0.008
"""The stop, nats a token."""
RIVALS = ((CLIP, "the clip"), (LOG_A, "advantages"), (SIGNED_LOG, "1 and -1"))


def stopped(label: str) -> str:
    """The label of an arm with the stop."""
    return f"{label}, stop"


def with_and_without(*labels: str) -> Sequence[Variant]:
    """The arms of the push, each without the stop and with it."""
    free = pick(*labels)
    return [
        *free,
        *(
            replace(arm, settings={**arm.settings, "stop_kl": NEAR}, label=stopped(arm.name))
            for arm in free
        ),
    ]


SWEEP = Sweep(
    title="better, or only sharper?",
    round=7,
    question="better or sharper",
    text="With every batch stopped at the same distance, does any push end above another, sampled or "
    "greedily?",
    variants=with_and_without(LOG_R, LOG_A, SIGNED_LOG, CLIP),
    seeds=range(8960, 8972),
    train={**OFTEN, "lr": 1e-4},
    budget=BUDGET,
    predictions=[
        *(
            Prediction(
                f"stopped, plain rewards and {words} end alike greedily, within .03",
                stopped(LOG_R),
                stopped(rival),
                "greedy",
                within=0.03,
            )
            for rival, words in RIVALS
        ),
        *(
            Prediction(
                f"without a stop plain rewards end above {words} greedily", LOG_R, rival, "greedy"
            )
            for rival, words in RIVALS
        ),
    ],
)
