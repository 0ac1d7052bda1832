"""Age or refitting: sixteen updates from one policy's completions, which are the same again, fresh,
or new.

`basin` uses every batch of 16 prompts sixteen times. That does two things at once: the completions
grow old, and the same completions are fitted again and again. Here every run makes 384 updates (24
x 16), each on 16 prompts:

- *again*: a batch of 16 prompts is used 16 times, as in `basin`: old and refitted;
- *parts*: a batch of 256 prompts is gone through once in 16 parts: as old, and no completion is
  fitted twice;
- *new*: every update has a batch of its own, written by the policy that it updates: neither old nor
  refitted. Every ratio is 1 there, so a clip would change nothing.

*parts* and *new* see sixteen times as many completions: that is what not refitting means. Beside it
*again* and *parts* with 16 completions for each prompt in place of 8.

Known beforehand: at 3e-4 four seeds of *parts* (no region .86 with one run at .63, PPO .89),
`basin`'s ends of *again* (no region .27 at 1e-4 and .04 at 3e-4, PPO .69 and .13), and that at 3e-4
twice the completions do half the damage. Predictions were written down before any run of this
sweep. The seeds 1108 to 1111 were added after the first eight had left some of the predictions
undecided.
"""

from trlab import Axis, Prediction, Sweep, Variant
from trlab.sweeps._third_round import BATCH, BUDGET

DATA = {
    "again": {"epochs": 16},
    "parts": {"prompts": 256, "minibatches": 16},
    "again-16": {"epochs": 16, "group": 16},
    "parts-16": {"prompts": 256, "minibatches": 16, "group": 16},
}
LR = Axis("lr", (1e-4, 3e-4))
LOW, HIGH = {"lr": "0.0001"}, {"lr": "0.0003"}
NEW = {label: {**point, "steps": 16 * BUDGET.steps} for label, point in LR.points()}

SWEEP = Sweep(
    title="age or refitting",
    round=3,
    text="Does a policy without a region fail because its completions are old, or because it fits "
    "the same ones again?",
    variants=[
        *(
            Variant(method, label=f"{method}-{data}", train={**BATCH, **train})
            for method in ("pg_is", "ppo")
            for data, train in DATA.items()
        ),
        Variant("pg_is", label="pg_is-new", train=BATCH, instead={"lr": NEW}),
    ],
    axes=[LR],
    seeds=range(1100, 1112),
    budget=BUDGET,
    predictions=[
        Prediction(
            "what harms is refitting: without a region fresh parts end above the same completions "
            "again",
            higher="pg_is-parts",
            lower="pg_is-again",
            at=LOW,
        ),
        Prediction(
            "and so at three times the rate", higher="pg_is-parts", lower="pg_is-again", at=HIGH
        ),
        Prediction(
            "PPO's clip does not change that", higher="ppo-parts", lower="ppo-again", at=LOW
        ),
        Prediction("nor at three times the rate", higher="ppo-parts", lower="ppo-again", at=HIGH),
        Prediction(
            "not refitted, no region ends above .85", higher="pg_is-parts", lower=0.85, at=LOW
        ),
        Prediction(
            "age alone costs less than .05 at 1e-4: parts end where new batches end",
            higher="pg_is-new",
            lower="pg_is-parts",
            within=0.05,
            at=LOW,
        ),
        Prediction(
            "at 3e-4 age costs something without a region",
            higher="pg_is-new",
            lower="pg_is-parts",
            at=HIGH,
        ),
        Prediction(
            "where nothing is refitted a clip brings less than .03 at 1e-4",
            higher="ppo-parts",
            lower="pg_is-parts",
            within=0.03,
            at=LOW,
        ),
        Prediction(
            "and more at 3e-4, where age costs", higher="ppo-parts", lower="pg_is-parts", at=HIGH
        ),
        Prediction(
            "twice the completions are harder to fit by heart: refitting harms less",
            higher="pg_is-again-16",
            lower="pg_is-again",
            at=LOW,
        ),
        Prediction("with PPO too", higher="ppo-again-16", lower="ppo-again", at=LOW),
        Prediction(
            "where nothing is refitted, twice the completions bring less than .03",
            higher="pg_is-parts-16",
            lower="pg_is-parts",
            within=0.03,
            at=LOW,
        ),
    ],
)
