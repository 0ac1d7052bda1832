"""Is it reuse that pays, or are it the updates? One update a batch, sixteen parts, sixteen fits.

The book had said that reuse is a good bargain: sixteen fits reach a reward of .7 in 7 batches, one
update in 13. But one update is a sixteenth of the updates, and it warmed up over ten of its 24
batches.

Known beforehand, one to three runs each at 24 batches: once at 1e-4 .88 .87 (to .7 in 14), without
warm-up .89 .87 (9), at 2e-4 without it .85 .90 (6); sixteen fits at 1e-5 .900 .902 .899 (6 to 7);
sixteen parts at 3e-5 .898 .902 .898 (5), at 1.5e-5 .900 .898 (6). Predictions were written down before
any run of this sweep. The risky one is that parts at 3e-5 take no more batches to .7 than fits at
1e-5.
"""

from trlab import Prediction
from trlab.sweeps._updates import FITS, NONE, ONCE, PARTS, WARM, bargain


def at(lr: str, warm: str = NONE) -> dict[str, str]:
    return {"lr": lr, "warm-up": warm}


SWEEP = bargain(
    "reuse or updates",
    "Does a batch pay more when it is fitted sixteen times, or when it is split into sixteen updates?",
    rates=(1e-5, 3e-5, 1e-4, 3e-4),
    seeds=range(8490, 8502),
    provenance="That fits take more batches than parts at 1e-5 was tested with its sides exchanged, and "
    "stood here as predicted, until somebody recomputed it.",
    predictions=[
        Prediction(
            "at 3e-5 parts end where fits do, within .03", PARTS, FITS, within=0.03, at=at("3e-05")
        ),
        Prediction("at 1e-4 parts end above fits", PARTS, FITS, at=at("0.0001")),
        Prediction("at 3e-5 parts end above .88", PARTS, 0.88, at=at("3e-05")),
        Prediction(
            "parts take no more than 6 batches to .7 at 3e-5",
            6.5,
            PARTS,
            "batches_to",
            at=at("3e-05"),
        ),
        Prediction("fits take more than parts at 1e-5", FITS, PARTS, "batches_to", at=at("1e-05")),
        Prediction(
            "without warm-up one update at 1e-4 reaches .7 within 10 batches",
            10.5,
            ONCE,
            "batches_to",
            at=at("0.0001"),
        ),
        Prediction("with it in more than 11", ONCE, 11.5, "batches_to", at=at("0.0001", WARM)),
        Prediction("at 3e-4 one update ends above .85", ONCE, 0.85, at=at("0.0003")),
        Prediction(
            "fits cost more processor time than parts", FITS, PARTS, "cpu_seconds", at=at("3e-05")
        ),
    ],
)
