"""As `updates`, with a base model that seldom writes the steps out.

Known beforehand, recorded arms each at its best of three rates: parts .805, sixteen fits .755, in 8
of 8 pairs. Predictions were written down before any run of this sweep.
"""

from trlab import Prediction
from trlab.sweeps._updates import FITS, NONE, PARTS, bargain

SWEEP = bargain(
    "reuse or updates: rare words",
    "Where what has to be learned is rare, does a batch pay more fitted sixteen times or split?",
    rates=(1e-5, 3e-5, 1e-4),
    seeds=range(8510, 8522),
    warm=False,
    policy="dial_rare",
    predictions=[
        Prediction(
            "at 3e-5 parts end above fits", PARTS, FITS, at={"lr": "3e-05", "warm-up": NONE}
        ),
        Prediction("at 1e-4 too", PARTS, FITS, at={"lr": "0.0001", "warm-up": NONE}),
        Prediction(
            "at 1e-5 fits take off sooner",
            FITS,
            PARTS,
            "take_off",
            at={"lr": "1e-05", "warm-up": NONE},
        ),
    ],
)
