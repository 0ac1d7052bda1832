"""The push at an equal distance on `spend`: plain rewards and the clip on advantages, each at the
rate at which the median batch moves it .008 nats, read off `push_spend`.

Known beforehand: `push_spend`, where plain rewards end at .95 (1e-4, .008 nats) and the clip at .33
(3e-5, .006 nats) and .64 (1e-4, .044). Predictions were written down before any run of this sweep.
"""

from trlab import Axis, Prediction, Sweep
from trlab.sweep import load_sweep
from trlab.sweeps._push import BUDGET, CLIP, LOG_R, OFTEN, at_distances

DISTANCES = {"0.008": 0.008}


def SWEEP() -> Sweep:
    """The sweep, with the rates that `push_spend` gives."""
    return Sweep(
        title="the push at an equal distance: spend",
        round=6,
        question="the push at an equal distance",
        text="On a task with many right answers, does it matter at an equal distance how rewards "
        "push?",
        variants=at_distances("push_spend", DISTANCES, LOG_R, CLIP),
        axes=[Axis("nats", {point: {} for point in DISTANCES})],
        task="spend",
        seeds=range(8680, 8692),
        tuned_on=load_sweep("push_spend").seeds,
        train=OFTEN,
        budget=BUDGET,
        aside=True,
        predictions=[
            Prediction(
                "on `spend`, at 0.008 nats, plain rewards end above the clip on advantages",
                LOG_R,
                CLIP,
                at={"nats": "0.008"},
            )
        ],
    )
