"""PPO with a critic, with a penalty and with a group's mean: eight minibatches of a batch, once and
four times over.

Known beforehand, on seeds 100 and 101: nothing separates at one and eight updates; at 32 (25
batches) PPO .80 .74, with a critic .63 .57, with lambda 1 .68 .67, with the penalty .73 .51.

The penalty here adapts its weight after every minibatch. The paper's rule, once a batch, is in
`penalty`.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps.shootout import UPDATES

HOT = {"updates": "32"}

SWEEP = Sweep(
    title="a critic",
    round=1,
    text="Does a critic's value for every token help where the group's mean is at hand, and does "
    "it bear 32 updates?",
    variants=(
        Variant("ppo"),
        Variant("ppo_critic"),
        Variant("ppo_critic", {"lam": 1.0}, label="critic-lam1"),
        Variant("ppo_penalty", {"adapt_after": "minibatch"}, label="ppo_penalty"),
    ),
    axes=[Axis("updates", {label: UPDATES[label] for label in ("8", "32")})],
    budget=Budget(steps=25),
    predictions=[
        Prediction(
            "reused 32 times, the group's mean is better than the critic",
            higher="ppo",
            lower="ppo_critic",
            at=HOT,
        ),
        Prediction(
            "and trusting the rewards is better than trusting the critic",
            higher="critic-lam1",
            lower="ppo_critic",
            at=HOT,
        ),
        Prediction("a clip is better than a penalty", higher="ppo", lower="ppo_penalty", at=HOT),
        Prediction(
            "the critic's advantages move the policy further",
            higher="ppo_critic",
            lower="ppo",
            measure="kl",
            at=HOT,
        ),
        Prediction(
            "eight updates leave PPO with a critic alive",
            higher="ppo_critic",
            lower=0.8,
            at={"updates": "8"},
        ),
    ],
)
