"""Controls: rewards that say nothing, at 1, 8 and 32 updates a batch. Nothing may rise.

Random rewards are said to teach all the same: a clip silences the growth of an unlikely token
sooner than that of a likely one, so it favours what the policy writes anyway, and without the clip
the effect is gone (arXiv 2506.10947, on Qwen2.5-Math). On `dial` what the policy writes anyway is
the short way that is mostly wrong.

Known beforehand: seeds 0 to 7, run before the last prediction and the seeds from 8 on were added.
One of them rose to .60 under a coin, and shuffled rewards with one update ended at .41 [.30, .44]:
above the base, where twelve exploratory seeds from 100 on gave .24 [.14, .35], the single runs
anywhere between .10 and .52 (coin: .08 and .81).

"Nothing rises" was first predicted of each reward over all three numbers of updates together, and
came out as seen, though shuffled rewards with one update stood at .33: where several places are
pooled, one that rises hides among those that fall. Since then it is predicted of each place.
"""

from math import inf
from pathlib import Path

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps.shootout import UPDATES

BASE = 0.35
"""Above what the base policy samples (about .26), as far as eight runs of noise could carry it."""
BLIND = Path(__file__).with_name("_blind.py")
HOT = {"reuse": "32"}

SWEEP = Sweep(
    title="rewards that say nothing",
    round=1,
    provenance="The last prediction was written after the runs with seeds 0 to 7 (commit "
    "f14442969e7b) and before "
    "those with seeds 8 to 23.",
    text="Does anything rise when the rewards say nothing?",
    variants=(
        Variant("ppo"),
        Variant(f"{BLIND}:Coin", label="coin"),
        Variant(f"{BLIND}:Coin", {"eps_low": 1.0, "eps_high": inf}, label="coin-unclipped"),
        Variant(f"{BLIND}:Shuffled", label="shuffled"),
    ),
    axes=[
        Axis("reuse", UPDATES)
    ],  # not "updates": how stale a batch may become is no question here
    budget=Budget(steps=40),
    seeds=range(24),
    predictions=[
        Prediction("with the verifier's rewards it rises", higher="ppo", lower=0.7),
        *(
            Prediction(f"{label}: nothing rises", higher=BASE, lower=label, at={"reuse": updates})
            for label in ("coin", "coin-unclipped", "shuffled")
            for updates in UPDATES
            if (label, updates) != ("shuffled", "1")
        ),  # the last one says it
        Prediction(
            "a clip under random rewards sharpens the policy, no clip does not",
            higher="coin-unclipped",
            lower="coin",
            measure="entropy",
            at=HOT,
        ),
        Prediction(
            "so it favours what the policy writes anyway: the short way",
            higher="coin-unclipped",
            lower="coin",
            measure="length",
            at=HOT,
        ),
        Prediction(
            "with one update, too, shuffled rewards raise nothing",
            higher=BASE,
            lower="shuffled",
            at={"reuse": "1"},
        ),
    ],
)
