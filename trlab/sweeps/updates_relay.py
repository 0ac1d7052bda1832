"""As `updates`, on the long task.

Known beforehand, recorded arms each at its best of three rates: parts .971, sixteen fits .948, in 8
of 8 pairs. Predictions were written down before any run of this sweep.
"""

from trlab import Prediction
from trlab.sweeps._updates import FITS, NONE, PARTS, bargain

SWEEP = bargain(
    "reuse or updates: the long task",
    "On a long task, does a batch pay more fitted sixteen times or split into sixteen updates?",
    rates=(3e-5, 1e-4, 3e-4),
    seeds=range(8530, 8542),
    warm=False,
    task="relay",
    predictions=[
        Prediction(
            "at 1e-4 parts end where fits do, within .02",
            PARTS,
            FITS,
            within=0.02,
            at={"lr": "0.0001", "warm-up": NONE},
        ),
        Prediction(
            "at 3e-4 parts end above fits", PARTS, FITS, at={"lr": "0.0003", "warm-up": NONE}
        ),
    ],
)
