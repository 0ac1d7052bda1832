"""`spend`: diversity at matched reward, so that a slow learner is not taken for a diverse one.

Every batch is used 4 times. What is compared is the entropy and the number of different right
answers at the batch where a run's reward reaches .7, not at the end.

Known beforehand: in the first round's `diversity` QUATRO's lead in different answers vanishes and
turns round at matched reward (entropy at .7: .70 nats against PPO's .75).
"""

from trlab import Budget, Prediction, Sweep
from trlab.sweeps._second_round import SEEDS, pick

SWEEP = Sweep(
    title="many right answers, reward matched",
    round=2,
    text="At the same reward, which method has kept more ways of being right?",
    task="spend",
    variants=pick("ppo", "gspo", "dppo-tv", "quatro", "troll"),
    seeds=SEEDS,
    train={"prompts": 32, "group": 8, "lr": 3e-4, "epochs": 4},
    budget=Budget(steps=40, prompts=256),
    predictions=[
        Prediction(
            "at the end QUATRO has more different right answers than PPO",
            higher="quatro",
            lower="ppo",
            measure="distinct",
        ),
        Prediction("because it has learned less: it ends lower", higher="ppo", lower="quatro"),
        Prediction(
            "a projection bounds every token of the distribution, not only the sampled one: "
            "TROLL ends with more entropy than PPO",
            higher="troll",
            lower="ppo",
            measure="entropy",
        ),
    ],
)
