"""At an equal distance, does it matter how rewards push?

`push` compares pushes at equal learning rates, where they move the policy differently far: over its
twenty arms at 1e-4, the further the median batch goes, the lower the end. That is the simplest rival of
all that it says, and it lay in the record. Here every arm has the rate at which the median batch
moves it .015, or .05, nats per token on completions that no update saw, read off `push`.

Known beforehand: `push`, whose ends near these distances are: plain rewards .87 (.014 nats) and .46
(.114), 1 and -1 .88 (.009) and .00 (1.5), A log .83 (.014) and .05 (.67), the clip .89 (.0015), .71
(.025) and .07 (.25), the clip on plain rewards .89 (.012) and .71 (.075). Predictions were written
down before any run of this sweep. The first four are what follows if distance is all.
"""

from trlab import Prediction, Sweep
from trlab.sweeps._push import CLIP, CLIP_R, LOG_A, LOG_R, SIGNED_LOG, at_distances

DISTANCES = (0.015, 0.05)


def SWEEP() -> Sweep:
    """The sweep, with the rates that `push` gives."""
    return at_distances(
        "push",
        DISTANCES,
        LOG_R,
        LOG_A,
        SIGNED_LOG,
        CLIP,
        CLIP_R,
        title="the push at an equal distance",
        text="At an equal distance per batch, does it matter how rewards push?",
        task="dial",
        seeds=range(8660, 8672),
        predictions=[
            *(
                Prediction(
                    f"at {nats} nats {words} ends where plain rewards do, within .05",
                    arm,
                    LOG_R,
                    within=0.05,
                    at={"nats": f"{nats:g}"},
                )
                for nats in DISTANCES
                for words, arm in (("1 and -1", SIGNED_LOG), ("A log", LOG_A))
            ),
            *(
                Prediction(
                    f"at {nats} nats plain rewards end above the clip on advantages",
                    LOG_R,
                    CLIP,
                    at={"nats": f"{nats:g}"},
                )
                for nats in DISTANCES
            ),
            Prediction(
                "at 0.05 nats the clip on plain rewards ends above plain rewards alone",
                CLIP_R,
                LOG_R,
                at={"nats": "0.05"},
            ),
        ],
    )
