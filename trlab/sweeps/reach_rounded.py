"""A + 0.1 and A + 0.3 with TIS where the sampler has four bits: the arm of a pilot that no sweep had.
`dial` at 3e-4."""

from trlab.sweeps._one_setting import A_TIS, BUDGET, R_TIS, ROUNDED, above, asked, samplers, trained
from trlab.sweeps._reach import KNOWN, MIDDLE, QUESTION, SMALL, VARIANTS

SWEEP = asked(
    title="a part of the baseline, four bits",
    text="How much of the baseline may stay with a four-bit sampler? `dial` at 3e-4.",
    question=QUESTION,
    known=f"{KNOWN} Recorded with other seeds (`one_setting_dial_rounded`): R with TIS .95, A with TIS "
    ".91. Seen of `reach_dial` before this was declared: four seeds, where A + "
    "0.1 with TIS ends above .86 at 64 and at 256 updates, and A with TIS between .06 and .63.",
    variants=VARIANTS,
    budget=BUDGET,
    axes=samplers(ROUNDED),
    seeds=range(12440, 12452),
    train=trained(3e-4),
    predictions=[
        *above(ROUNDED, R_TIS, MIDDLE),
        *above(ROUNDED, A_TIS, MIDDLE),
        *above(ROUNDED, SMALL, 0.8),
    ],
)
