"""Methods that change the loop, on `dial`: TRPO over radii, and PPO with a critic or a penalty, one
update a batch.

Known beforehand, on seeds 100 and 101: GRPO .92 with .0005 nats a token and batch; TRPO .43 at ten
times its radius, .64 at three times, .72 at its own, .77 at .003, .87 and .84 at .001, .87 at
.0003; PPO with a critic .92 whatever the critic's speed, region or lambda.
"""

from trlab import Budget, Prediction, Sweep, Variant

SWEEP = Sweep(
    title="loops",
    round=1,
    text="Are a natural-gradient step and a critic worth their cost when every batch is used once?",
    variants=(
        Variant("grpo"),
        Variant("ppo"),
        Variant("ppo_penalty"),
        Variant("ppo_critic"),
        Variant("ppo_critic", {"critic": "trust-region"}, label="critic-region"),
        Variant("trpo"),
        Variant("trpo", {"delta_kl": 0.001}, label="trpo .001"),
        Variant("trpo", {"delta_kl": 0.1}, label="trpo .1"),
    ),
    budget=Budget(steps=60),
    predictions=[
        *(
            Prediction(f"{name} learns", higher=name, lower=0.9)
            for name in ("ppo", "ppo_penalty", "ppo_critic", "critic-region")
        ),
        Prediction(
            "TRPO's own radius, .01 nats a token, is far more than the task bears: a tenth is "
            "better",
            higher="trpo .001",
            lower="trpo",
        ),
        Prediction("and ten times it is worse", higher="trpo", lower="trpo .1"),
        Prediction(
            "even then AdamW with group advantages ends higher", higher="grpo", lower="trpo .001"
        ),
        Prediction(
            "at its own radius TRPO moves further a batch than PPO",
            higher="trpo",
            lower="ppo",
            measure="kl",
        ),
        Prediction(
            "a natural-gradient step costs more processor time",
            higher="trpo",
            lower="ppo_critic",
            measure="cpu_seconds",
        ),
    ],
)
