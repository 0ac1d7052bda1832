"""Six weights of the penalty, and PPO's clip with four epochs in its place."""

from trlab import Prediction
from trlab.comparison import Comparison, Side
from trlab.sweeps._reference import above, asked, variant

NONE, CLIP = "β = 0", "clip, four epochs"
BETAS = {
    label: float(label.split()[-1])
    for label in (NONE, "β = 0.01", "β = 0.03", "β = 0.1", "β = 0.3", "β = 1")
}
FOUR = {"epochs": 4}

SWEEP = asked(
    title="the weight of the penalty",
    text="How large must the penalty on the KL divergence to the first policy be, and does PPO's clip with "
    "four epochs per batch do instead?",
    variants=[
        *(variant(label, beta) for label, beta in BETAS.items()),
        variant(CLIP, method="ppo", train=FOUR),
    ],
    predictions=[
        above("without a penalty hardly a story is good at the end", 0.2, NONE),
        above("with β = 0.1 most stories are good at the end", "β = 0.1", 0.8),
        above("β = 0.1 ends above no penalty", "β = 0.1", NONE),
        above("β = 0.3 ends above no penalty", "β = 0.3", NONE),
        above("β = 0.1 ends above β = 0.03", "β = 0.1", "β = 0.03"),
        above("β = 0.1 ends above β = 1", "β = 0.1", "β = 1"),
        above("the clip alone ends as low as no penalty", 0.2, CLIP),
        above("β = 0.1 ends above the clip", "β = 0.1", CLIP),
        above("without a penalty the reward model is most content", NONE, "β = 0.1", "reward"),
        Prediction(
            "stopped at two nats, a run with β = 0.1 and one without are alike within 0.1",
            "β = 0.1",
            NONE,
            "right_stopped",
            within=0.1,
        ),
    ],
    comparisons=[
        Comparison(Side("β = 0.1"), Side("β = 0.3")),
        Comparison(Side("β = 0.01"), Side(NONE)),
        Comparison(Side("β = 0.03"), Side(NONE)),
        Comparison(Side("β = 0.1"), Side(NONE), "right_peak"),
    ],
)
