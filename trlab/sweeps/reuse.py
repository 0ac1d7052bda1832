"""Reuse of whole batches: 1, 2, 4, 8 and 16 updates from each, beside as many updates from fresh
batches.

The first round varied minibatches, so that the size of an update's batch, the number of updates and
the reuse of data changed together. Here an update always sees the whole batch, and the control
`on-policy` takes as many updates, each from a batch of its own: what separates it from the others
is reuse. Thresholds are the defaults; `tuned` compares methods.

Known beforehand, 16 x 16 completions, 40 batches used 8 times, on seeds that are not these: without
a region .05 to .08 in six runs, PPO .51 to .66, DPPO .24 to .55, TROLL .55 to .64, QUATRO .24 and
.40, GSPO .76 to .83; mean reward of the first ten batches without a region .46 to .55, PPO .68,
DPPO .63 to .66, TROLL .66 to .70.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._second_round import BATCH, SEEDS, USES, pick

STEPS = 24
OFTEN, HALF = {"uses": "16"}, {"uses": "8"}

SWEEP = Sweep(
    title="how often a batch may be used",
    round=2,
    text="How often may a whole batch be used, beside as many updates from fresh batches? (Ten "
    "updates of warm-up, whether a run makes 24 or 384.)",
    variants=(
        *pick("pg_is", "ppo", "gspo", "dppo-tv", "quatro", "troll"),
        Variant(
            "reinforce",
            label="on-policy",
            instead={"uses": {label: {"steps": STEPS * int(label)} for label in USES}},
        ),
    ),
    axes=[Axis("uses", USES)],
    seeds=SEEDS,
    train=BATCH,
    budget=Budget(steps=STEPS, prompts=256),
    predictions=[
        Prediction(
            "fresh data bears as many updates: nothing of the fall is due to their number",
            higher="on-policy",
            lower=0.85,
            at=OFTEN,
        ),
        Prediction(
            "an unbounded ratio grows with every use, so without a region the policy is lost at 8 "
            "uses",
            higher="ppo",
            lower="pg_is",
            at=HALF,
        ),
        Prediction(
            "a clip stops what has left the window but pulls nothing back, so at 16 uses fresh "
            "data is better",
            higher="on-policy",
            lower="ppo",
            at=OFTEN,
        ),
        Prediction(
            "a projection bounds every token's KL, whatever the number of uses: TROLL moves less "
            "than PPO",
            higher="ppo",
            lower="troll",
            measure="kl",
            at=OFTEN,
        ),
        Prediction("and keeps more accuracy at 16 uses", higher="troll", lower="ppo", at=OFTEN),
        Prediction(
            "GSPO's window is a completion's mean ratio, thousands of times narrower: it keeps "
            "most at 16",
            higher="gspo",
            lower="ppo",
            at=OFTEN,
            tested="above PPO; its window is 500 to 670 times narrower",
        ),
        Prediction(
            "a mask on probabilities leaves rare tokens free to run, so at 16 uses DPPO is below "
            "PPO",
            higher="ppo",
            lower="dppo-tv",
            at=OFTEN,
        ),
        Prediction(
            "QUATRO's pull acts on whole completions and single tokens run: below PPO at 16 uses",
            higher="ppo",
            lower="quatro",
            at=OFTEN,
        ),
        Prediction(
            "more updates from a batch learn faster where a region holds: PPO at 8 uses takes off "
            "before one",
            higher="ppo",
            lower=0.6,
            measure="take_off",
            at=HALF,
        ),
    ],
)
