"""The shoot-out, tuned: ten methods at 1, 4 and 16 uses, each at the threshold and learning rate
that `grid` chose.

The rule stands in `trlab.tuning`: fifteen configurations a method, at 8 uses, on seeds 100 to 102.
What follows was predicted before `grid` was run.
"""

from trlab import Axis, Budget, Prediction, Sweep
from trlab.sweep import load_sweep
from trlab.sweeps._second_round import BATCH, SEEDS, USES
from trlab.tuning import chosen

GRID = load_sweep("grid")
LEAST, OFTEN = {"uses": "1"}, {"uses": "16"}


def SWEEP() -> Sweep:
    """The sweep, with what was chosen in the record of `grid`."""
    return Sweep(
        title="thresholds tuned alike",
        round=2,
        provenance="The commit 62a46aa1e2e2 that the record names does not hold the record of the "
        "sweep grid, from "
        "which the settings were chosen: it was committed later. Every run has the settings that "
        "grid's record gives today.",
        text="Tuned alike, which method learns most from a batch used 1, 4 or 16 times, how fast, "
        "and at what price?",
        variants=chosen(GRID),
        axes=[Axis("uses", {label: USES[label] for label in ("1", "4", "16")})],
        seeds=SEEDS,
        tuned_on=GRID.seeds,
        train={"prompts": BATCH["prompts"], "group": BATCH["group"]},
        budget=Budget(steps=24, prompts=256),
        predictions=[
            Prediction(
                "a tuned clip holds a batch used 16 times: above .8",
                higher="ppo",
                lower=0.8,
                at=OFTEN,
            ),
            Prediction("a tuned projection does too", higher="troll", lower=0.8, at=OFTEN),
            Prediction(
                "tuned, a region is still better than none at 16 uses, because a bound on the "
                "step's length does not know which tokens have moved",
                higher="ppo",
                lower="pg_is",
                at=OFTEN,
            ),
            Prediction(
                "a clip that is tuned spends no more than a tuned projection: the price was the "
                "threshold's",
                higher="troll",
                lower="ppo",
                measure="kl",
                at=OFTEN,
            ),
            Prediction(
                "a divergence lets rare openers grow where a ratio silences them: DPPO takes off "
                "before PPO",
                higher="dppo-tv",
                lower="ppo",
                measure="take_off",
                at=OFTEN,
            ),
            Prediction(
                "a ratio of whole completions silences nearly all after the first use: GSPO takes "
                "off last",
                higher="ppo",
                lower="gspo",
                measure="take_off",
                at=OFTEN,
            ),
            Prediction(
                "a softened ratio is no region: SAPO ends below PPO at 16 uses",
                higher="ppo",
                lower="sapo",
                at=OFTEN,
            ),
            Prediction(
                "CISPO silences nothing, so its window only rescales: below PPO at 16 uses",
                higher="ppo",
                lower="cispo",
                at=OFTEN,
            ),
            Prediction(
                "with one use every ratio is 1 and only the learning rate counts: PPO takes off "
                "as DPPO does, above .4",
                higher="ppo",
                lower=0.4,
                measure="take_off",
                at=LEAST,
            ),
        ],
    )
