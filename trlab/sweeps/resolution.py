"""Which divergence does the mask look at: that of the sampled token, of the top 5, the top 20 or
the whole vocabulary?

Merging tokens never increases a divergence, so at one threshold the finer mask is the narrower one.
On `dial_rare` some fifty openers share the first word, and a batch moves each of them a little and
all of them together much.

Known beforehand, on seed 0 and one batch at learning rate 1e-4: after 4 updates a binary mask
silences none of 1,115 tokens, a top-5 mask 235, a full one 237 and PPO's clip 236.
"""

from trlab import Budget, Prediction, Sweep, Variant

TOP = {"measure": "topk"}
WIDE = "full, .4"

SWEEP = Sweep(
    title="which divergence a mask sees",
    round=2,
    text="Binary, top-k or full: which divergence lets a policy of rare openers take off?",
    policy="dial_rare",
    variants=(
        Variant("ppo"),
        Variant("dppo", label="binary"),
        Variant("dppo", {**TOP, "k": 5}, label="top-5"),
        Variant("dppo", {**TOP, "k": 20}, label="top-20"),
        Variant("dppo", {"measure": "full"}, label="full"),
        Variant("dppo", {"measure": "full", "delta_tv": 0.4}, label=WIDE),
    ),
    seeds=range(310, 318),
    train={"prompts": 16, "group": 16, "minibatches": 8, "epochs": 2},
    budget=Budget(steps=15),
    predictions=[
        Prediction(
            "the full mask silences first words as soon as their sum has moved: binary takes off "
            "before it",
            higher="binary",
            lower="full",
            measure="take_off",
        ),
        Prediction(
            "and so the full mask is no faster than PPO's clip",
            higher="full",
            lower="ppo",
            measure="take_off",
            within=0.04,
        ),
        Prediction(
            "twenty tokens see nearly what all see",
            higher="top-20",
            lower="full",
            measure="take_off",
            within=0.03,
        ),
        Prediction(
            "five see less: they are between binary and full",
            higher="top-5",
            lower="full",
            measure="take_off",
        ),
        Prediction(
            "it is the threshold that is narrow, not the measure that is wrong: at .4 the full "
            "mask takes off sooner than at .15",
            higher=WIDE,
            lower="full",
            measure="take_off",
        ),
        Prediction(
            "the finer mask holds the policy nearer", higher="binary", lower="full", measure="kl"
        ),
        Prediction("where they end they are alike", higher="binary", lower="full", within=0.04),
    ],
)
