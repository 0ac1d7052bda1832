"""The first two steps of the ladder at the place where `shootout` recorded the others: 32 updates
per batch.

Neither knows that the policy has moved since it sampled: every update after the first follows
completions of an older policy as if the present one had written them. Same task, batch, seeds and
learning rate as in `shootout`, so that `pg_is` there differs from the second step here by the ratio
alone.
"""

from trlab import Budget, Prediction, Sweep, Variant

SWEEP = Sweep(
    title="the ladder's first steps",
    round=2,
    provenance="The commit b05a8d3f3d7c that the record names is not in the repository's history: "
    "the code that made "
    "these runs cannot be looked up.",
    text="REINFORCE from rewards, and with the mean of the group as its baseline, each batch used "
    "32 times.",
    variants=(
        Variant("reinforce", {"advantage": "reward"}, label="reinforce"),
        Variant("reinforce", {"advantage": "group-mean"}, label="baseline"),
    ),
    train={"minibatches": 8, "epochs": 4},
    budget=Budget(steps=40),
    predictions=[
        Prediction(
            "a reward is never negative, so what was sampled is only ever raised, and the policy "
            "keeps its first habits: without a baseline it ends lower",
            higher="baseline",
            lower="reinforce",
        ),
        Prediction(
            "and writes with less entropy", higher="baseline", lower="reinforce", measure="entropy"
        ),
        Prediction(
            "nothing bounds how far a wrong answer is pushed down: with a baseline the policy "
            "moves further",
            higher="baseline",
            lower="reinforce",
            measure="kl",
        ),
        Prediction(
            "an old sample taken for a new one costs accuracy: with a baseline alone it does not "
            "get to 0.75",
            higher=0.75,
            lower="baseline",
        ),
    ],
)
