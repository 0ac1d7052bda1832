"""A + 0.1 with TIS on `spend` at 1e-4: does it serve both samplers where A with TIS fails on stale
samples?"""

from trlab.sweeps._one_setting import BUDGET, ROUNDED, STALE, above, asked, samplers, trained
from trlab.sweeps._reach import KNOWN_SMALL, QUESTION, SMALL, VARIANTS

SWEEP = asked(
    title="a part of the baseline, spend",
    text="Does A + 0.1 with TIS serve a stale and a four-bit sampler? `spend` at 1e-4.",
    question=QUESTION,
    known=KNOWN_SMALL,
    variants=[arm for arm in VARIANTS if arm.label == SMALL],
    budget=BUDGET,
    task="spend",
    axes=samplers(STALE, ROUNDED),
    seeds=range(12480, 12492),
    train=trained(1e-4),
    predictions=[*above(STALE, SMALL, 0.8), *above(ROUNDED, SMALL, 0.8)],
)
