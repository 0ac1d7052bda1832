"""One pull, two samplers: plain rewards and the baseline's shift where the sampler is sixteen updates
late or rounded to four bits; with the pull and, centered, without it.

The conjecture: an older sampler is an anchor, so a pull towards it holds; a rounded sampler is the
learner's own distortion, which follows it, so the same pull carries it off. Then the ends rise
with δ where the sampler is late and fall where it is rounded, and centering turns both round.

Its rivals: plain rewards imitate right answers, and it is no pull (then centering changes nothing);
what breaks late is pushing down (then A, centered, falls and R, centered, does not); a sharper policy
(then it is gone under greedy).

Known beforehand, two runs an arm with other seeds. Late: A - .1 .00 .00, A .03 .06, A + .1 .64 .59,
A + .3 .94 .86, A + 1 .85 .82, R .98 .97, R centered .28, A centered .04. Four bits: A - .1 .05 .05,
A .90 .91, A + .1 .86 .94, A + .3 .07 .04, A + 1 .05 .00, R .04 .05, R centered .96, A centered .91.
`drift` has A, A centered, TIS and the clip.
Predictions were written down before any run of this sweep. The risky one is that A + .1 ends below A
under four bits.

Cut before the first run, to a time that there is: the shifts at lag 4 and 64 and at eight bits, of
which no prediction speaks (`two_samplers_dose` has the corners there). Cut after the first seed, for
the same reason: fresh, and late and rounded, all arms but four. These four stand in
`two_samplers_neither`, with their predictions as they were.
"""

from trlab import Prediction
from trlab.sweeps._two_samplers import (
    ADVANTAGES,
    BOTH,
    CENTERED,
    CORNERS,
    LATE,
    PLAIN,
    RATE,
    ROUNDED,
    SHIFTS,
    asked,
    at,
    corners,
    pick,
    samplers,
    shifted,
    trained,
)

LOWER, SMALL, MIDDLE, LARGE = (shifted(delta) for delta in SHIFTS)

SWEEP = asked(
    title="one pull, two samplers",
    text="Does a pull towards the sampler hold a run where the sampler is late, and carry it off where "
    "the sampler is rounded?",
    variants=pick(*CORNERS, LOWER, SMALL, MIDDLE, LARGE, f"{MIDDLE}, centered"),
    axes=[samplers(LATE, ROUNDED)],
    seeds=range(8800, 8812),
    train=trained(RATE),
    predictions=[
        *corners(rounded=True),
        Prediction("late, greedily too", PLAIN, CENTERED, "greedy", at=at(LATE)),
        Prediction("rounded, plain rewards end below .2", 0.2, PLAIN, at=at(ROUNDED)),
        Prediction("and centered ones above .8", CENTERED, 0.8, at=at(ROUNDED)),
        Prediction("greedily too", CENTERED, PLAIN, "greedy", at=at(ROUNDED)),
        Prediction("late, ends rise with δ: from -.1 to 0", ADVANTAGES, LOWER, at=at(LATE)),
        Prediction("from 0 to .1", SMALL, ADVANTAGES, at=at(LATE)),
        Prediction("from .1 to .3", MIDDLE, SMALL, at=at(LATE)),
        Prediction("rounded, they fall: from .1 to .3", SMALL, MIDDLE, at=at(ROUNDED)),
        Prediction("already from 0 to .1", ADVANTAGES, SMALL, at=at(ROUNDED)),
        Prediction("and from 0 to -.1: the best is 0", ADVANTAGES, LOWER, at=at(ROUNDED)),
        Prediction(
            "what breaks late is not only pushing down: centered rewards end no higher than .5 and "
            "centered advantages below .2",
            0.2,
            BOTH,
            at=at(LATE),
        ),
    ],
)
