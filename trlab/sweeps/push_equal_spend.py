"""The push at an equal distance on `spend`: plain rewards and the clip on advantages, each at the
rate at which the median batch moves it .008 nats, read off `push_spend`.

Known beforehand: `push_spend`, where plain rewards end at .95 (1e-4, .008 nats) and the clip at .33
(3e-5, .006 nats) and .64 (1e-4, .044). Predictions were written down before any run of this sweep.
"""

from trlab import Prediction, Sweep
from trlab.sweeps._push import CLIP, LOG_R, at_distances


def SWEEP() -> Sweep:
    """The sweep, with the rates that `push_spend` gives."""
    return at_distances(
        "push_spend",
        (0.008,),
        LOG_R,
        CLIP,
        title="the push at an equal distance: spend",
        text="On a task with many right answers, does it matter at an equal distance how rewards "
        "push?",
        task="spend",
        seeds=range(8680, 8692),
        predictions=[
            Prediction(
                "on `spend`, at 0.008 nats, plain rewards end above the clip on advantages",
                LOG_R,
                CLIP,
                at={"nats": "0.008"},
            )
        ],
    )
