"""Drift: what a sampler that is not the learner pushes in every batch, and who takes it away.

Nothing is fitted twice. Completions come from the learner's weights at 4 bits, or from its weights of
16 updates ago; 384 batches of 16 prompts x 8 completions, one update each. Score centering (`trlab`
runs it exactly over the vocabulary) subtracts the sampler's mean push at every token; truncated
importance sampling (TIS) bounds the ratio at 2; PPO's clip stands around the sampler. *plain* and *centered*
record the drift's share of the gradient at every batch.

Known beforehand: at lag 16 and 3e-4, one seed: plain .07, centered .16, TIS .05, centered and TIS
.75, ratio .04, clip .88; at int4 and 3e-4, three seeds of another hand: plain .79, TIS .74, centered
.83, no mismatch .86. Predictions were written down before any run of this sweep. The risky ones are
that centering alone does not hold age, and that the clip ends above centering with TIS there.

Cut to a time that there is. Before the first run: the ratio's and DPPO's arms, the rate 1e-4 and the
sampler of 8 bits, of which no prediction speaks. After thirteen runs of the first seed: the sampler of
16 bits, where its five runs end between .93 and .94, and the lag of 64, which had not been run, with a
prediction each. What was predicted of the two places that stay was not changed.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH

PLAIN, TIS, CENTERED, BOTH = "plain", "tis", "centered", "centered, tis"
QUIET = {"halves": False}
RATE = 3e-4
PLACES: dict[str, dict[str, object]] = {
    "int4": {"sampler": "int4"},
    "lag 16": {"lag": 16},
}
INT4, LATE = ({"sampler": place} for place in PLACES)

SWEEP = Sweep(
    title="drift, and who takes it away",
    round=6,
    question="drift",
    text="Where the sampler is not the learner, does centering the scores hold a run, does a truncated "
    "weight, or does it take both?",
    variants=[
        Variant("centered", {"center": False}, label=PLAIN),
        Variant("centered", {"center": False, "weight": "truncated", **QUIET}, label=TIS),
        Variant("centered", label=CENTERED),
        Variant("centered", {"weight": "truncated", **QUIET}, label=BOTH),
        Variant("ppo", label="clip"),
    ],
    axes=[Axis("sampler", PLACES)],
    seeds=range(8580, 8592),
    train={**BATCH, "anchor": "rollout", "lr": RATE},
    budget=Budget(steps=384, prompts=512, samples=8, common=2026),
    every=16,
    predictions=[
        Prediction("at lag 16 centering and TIS end above TIS", BOTH, TIS, at=LATE),
        Prediction("and above centering alone", BOTH, CENTERED, at=LATE),
        Prediction("centering alone does not hold it: below .4", 0.4, CENTERED, at=LATE),
        Prediction("the clip ends above centering and TIS there", "clip", BOTH, at=LATE),
        Prediction("at int4 centering ends above plain", CENTERED, PLAIN, at=INT4),
        Prediction("and centering and TIS above TIS", BOTH, TIS, at=INT4),
    ],
)
