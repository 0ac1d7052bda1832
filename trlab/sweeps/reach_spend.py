"""How far does TIS with plain rewards reach? `spend` at 1e-4."""

from trlab.sweeps._one_setting import A_TIS, R_TIS, above, alike, asked, trained
from trlab.sweeps._reach import EIGHT, KNOWN, LONGER, OLDER, OLDEST, PLACES, QUESTION, VARIANTS

SWEEP = asked(
    title="how far it reaches, spend",
    text="With how old and how coarse a sampler does R with TIS still learn, and how much of the baseline "
    "may stay? `spend` at 1e-4.",
    question=QUESTION,
    known=KNOWN,
    variants=VARIANTS,
    budget=LONGER,
    task="spend",
    axes=PLACES,
    seeds=range(12420, 12432),
    train=trained(1e-4),
    predictions=[
        *above(OLDER, R_TIS, 0.8),
        *above(OLDER, R_TIS, A_TIS),
        *above(OLDEST, R_TIS, 0.8),
        *above(OLDEST, R_TIS, A_TIS),
        *alike(EIGHT, R_TIS, A_TIS, "greedy"),
    ],
)
