"""A + 0.1 with TIS on the harder task, `dial` with 8 to 12 moves at 1e-4: does it serve both samplers
where R with TIS fails with four bits?"""

from trlab.sweeps._one_setting import BUDGET, ROUNDED, STALE, above, asked, samplers, trained
from trlab.sweeps._reach import KNOWN_SMALL, QUESTION, SMALL, VARIANTS

SWEEP = asked(
    title="a part of the baseline, headroom",
    text="Does A + 0.1 with TIS serve a stale and a four-bit sampler? `dial` with 8 to 12 moves at 1e-4.",
    question=QUESTION,
    known=KNOWN_SMALL,
    variants=[arm for arm in VARIANTS if arm.label == SMALL],
    budget=BUDGET,
    knobs={"moves": (8, 12)},
    axes=samplers(STALE, ROUNDED),
    seeds=range(12460, 12472),
    train=trained(1e-4),
    predictions=[*above(STALE, SMALL, 0.2), *above(ROUNDED, SMALL, 0.2)],
)
