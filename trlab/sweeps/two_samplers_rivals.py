"""Plain rewards on old answers, beside everything that the book has recorded against age.

Known beforehand, plain rewards, one or two runs with other seeds: 16 late at 3e-4 .979 .977 .951, at
1e-4 .967; 64 late .975 .965; 256 late .951. Recorded with eight or twelve seeds in `drift` and
`age_regions`, 16 late at 3e-4: clip .86, TROLL .91, TIS .59, centered and TIS .62; 64 late: clip .81,
TROLL .91. They are run again here, because a verdict wants the same prompts and twelve seeds.
Predictions were written down before any run of this sweep. The risky ones are those read greedily and
by different right answers, and 256 updates late.

Cut before the first run, to a time that there is: the rate 1e-4, at which nothing was lost in `age`,
and 64 late for all but TROLL and the clip.
"""

from trlab import Prediction
from trlab.sweeps._two_samplers import (
    CENTERED_TIS,
    CLIP,
    LATE,
    PLAIN,
    RATE,
    RIGHT,
    TIS,
    TROLL,
    asked,
    at,
    pick,
    samplers,
    trained,
)

SWEEP = asked(
    title="plain rewards on old answers, and their rivals",
    text="Where completions are sixteen updates old, does any region or weight end above plain rewards?",
    variants=pick(PLAIN, RIGHT, CLIP, TROLL, TIS, CENTERED_TIS),
    axes=[samplers(LATE)],
    seeds=range(8900, 8912),
    train=trained(RATE),
    predictions=[
        *(
            Prediction(f"plain rewards end above {rival}", PLAIN, rival, at=at(LATE))
            for rival in (TROLL, CLIP, TIS)
        ),
        *(
            Prediction(
                f"and not below {rival} greedily", PLAIN, rival, "greedy", within=0.05, at=at(LATE)
            )
            for rival in (TROLL,)
        ),
        Prediction(
            "with more different right answers than TROLL", PLAIN, TROLL, "distinct", at=at(LATE)
        ),
        Prediction(
            "right answers alone end where plain rewards do, within .05",
            RIGHT,
            PLAIN,
            within=0.05,
            at=at(LATE),
        ),
    ],
)
