"""TRAPO and its baselines where a policy rarely writes its steps, at prompts it has read and at
longer ones.

Known beforehand, from runs on seeds 100 and 101 that chose the regime: at five moves, 10 to 60
batches, no arm separates, and supervision alone is as good as any, because the policy can do all
that the expert does once it writes its steps. At lr 1e-3, or 8 minibatches at 3e-4, reinforcement
learning alone collapses. Of the two columns here the runs were, sampled: 1 to 12 moves: SFT .589
.583, RL .548 .527, SFT then RL .573 .563, SFT + RL .627 .601, fixed prefixes .595 .618, adaptive
SFT .576 .595, TRAPO .621 .581; 1 to 8 moves, one seed: .891, .848, SFT + RL .847, TRAPO .849.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant

LONG, READ, PLAIN = {"moves": "1 to 12"}, {"moves": "1 to 8"}, {"moves": "5"}

SWEEP = Sweep(
    title="expert prefixes",
    round=1,
    text="An expert beside one's own rewards: what does it add where the policy has the skill, "
    "and where it has not?",
    policy="dial_rare",
    variants=(
        Variant("sft", label="sft"),
        Variant("sft_then_rl", {"sft_batches": 0}, label="rl"),
        Variant("sft_then_rl", {"sft_batches": 33}, label="sft-then-rl"),
        Variant("sft_plus_rl", label="sft+rl"),
        Variant("trapo", {"adaptive": False}, label="trsft+rl-fixed"),
        Variant("trapo", {"alpha": 0.0}, label="sft+rl-adaptive"),
        Variant("trapo", label="trapo"),
    ),
    axes=[
        Axis(
            "moves",
            {
                "5": {"task.moves": 5},
                "1 to 8": {"task.moves": (1, 8)},
                "1 to 12": {"task.moves": (1, 12)},
            },
        )
    ],
    knobs={"max_tokens": 16},
    train={"group": 8, "lr": 3e-4},
    budget=Budget(steps=100),
    predictions=[
        Prediction(
            "beyond what it has read, an expert helps: TRAPO is above rewards alone",
            higher="trapo",
            lower="rl",
            at=LONG,
        ),
        Prediction("so does the expert alone", higher="sft", lower="rl", at=LONG),
        Prediction(
            "TRAPO is above supervision first, rewards later",
            higher="trapo",
            lower="sft-then-rl",
            at=LONG,
        ),
        Prediction(
            "against the paper: plain interleaving is not worse than TRAPO but better, because a "
            "capped push does not teach tokens that the policy finds unlikely",
            higher="sft+rl",
            lower="trapo",
            at=LONG,
        ),
        Prediction("interleaving is above the expert alone", higher="sft+rl", lower="sft", at=LONG),
        Prediction(
            "the paper's claim: adapting the prefixes is better than giving them always",
            higher="trapo",
            lower="trsft+rl-fixed",
            at=LONG,
        ),
        Prediction(
            "SFT covers the expert's openers, TrSFT drops the rare ones: fewer different right "
            "answers",
            higher="sft+rl-adaptive",
            lower="trapo",
            measure="distinct",
        ),
        Prediction(
            "what the policy has read, the perfect expert alone teaches best",
            higher="sft",
            lower="trapo",
            at=READ,
        ),
        Prediction(
            "and there TRAPO is no better than rewards alone", higher="rl", lower="trapo", at=READ
        ),
        Prediction(
            "at five moves of the plain task rewards alone are enough",
            higher="rl",
            lower=0.85,
            at=PLAIN,
        ),
    ],
)
