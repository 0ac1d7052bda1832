"""`real_distance` at two smaller rates: does a smaller step mend what fitting again breaks?

Arms, data, seeds and measures are those of `real_distance`, so its runs at 1e-3 continue these. The
two rates were declared there first and cut for lack of time.

Known beforehand: `real_distance` itself (1e-3: again .05, PPO .40, parts .63), `real_map` and
`real` (eight uses: no region ends at about .59 at 1e-4 and begins to fall at 3e-4). No run in parts
was made at these rates. Predictions were written down before any run of this sweep. The first four
are those that were cut. The risky one is the last: at the smallest rate nothing is left of the
difference.

Six seeds were declared, and all ran with this declaration. The record was taken after four, and the
files of the other two were lost, so those two ran once more with the same code and seeds.
"""

from dataclasses import replace

from trlab import Axis, Prediction
from trlab.sweep import load_sweep

SLOW, MIDDLE = ({"lr": lr} for lr in ("0.0001", "0.0003"))

SWEEP = replace(
    load_sweep("real_distance"),
    title="a real language model: again or in parts, at smaller rates",
    text="Does SmolLM2 bear data that are fitted again if the step is smaller?",
    axes=[Axis("lr", (1e-4, 3e-4))],
    seeds=range(2500, 2506),
    provenance="Six seeds were declared and ran. The files of two were lost before they were added, and "
    "these two ran once more. Six are enough for a very large difference only.",
    predictions=[
        Prediction(
            "at 3e-4 parts end above again",
            higher="pg_is-parts",
            lower="pg_is-again",
            at=MIDDLE,
        ),
        Prediction(
            "there PPO ends above again", higher="ppo-again", lower="pg_is-again", at=MIDDLE
        ),
        Prediction("and below parts", higher="pg_is-parts", lower="ppo-again", at=MIDDLE),
        Prediction(
            "fitting again fits more luck: at 3e-4",
            higher="pg_is-again",
            lower="pg_is-parts",
            measure="luck",
            at=MIDDLE,
        ),
        Prediction(
            "at 1e-4 parts and again are alike",
            higher="pg_is-parts",
            lower="pg_is-again",
            at=SLOW,
            within=0.1,
        ),
    ],
)
