"""TRAPO's claims."""

from trlab.claims.card import TOO_SMALL, Card, Claim, above

PAPER = "2512.17636"
WRONG, LONG = {"expert": "errs"}, {"moves": "1 to 12"}

CARD = Card(
    "trapo",
    "TRAPO",
    (
        Claim(
            "Plain imitation between steps of reinforcement learning does harm, and imitation with a "
            "bounded weight does not.",
            "abstract",
            PAPER,
            [
                above("expert", "trapo", "sft+rl-adaptive", at=WRONG),
                above("trapo", "trapo", "sft+rl", at=LONG),
            ],
        ),
        Claim(
            "SFT learns all modes of the expert, and SFT with a bounded weight leaves out those that "
            "the policy finds improbable.",
            "section on trust-region SFT",
            PAPER,
            [above("trapo", "sft+rl-adaptive", "trapo", "distinct")],
        ),
        Claim(
            "Giving prefixes of the expert only to prompts that fail is better than giving them "
            "always.",
            "ablation of the prefixes",
            PAPER,
            [
                above("expert", "trapo", "trsft+rl-fixed", at=WRONG),
                above("trapo", "trapo", "trsft+rl-fixed", at=LONG),
            ],
        ),
        Claim(
            "Imitation and rewards together reach more than imitation alone, rewards alone, or one "
            "after the other.",
            "experiments",
            PAPER,
            [
                above("expert", "trapo", "sft", at=WRONG),
                above("expert", "trapo", "rl", at=WRONG),
                above("expert", "trapo", "sft-then-rl", at=WRONG),
                above("trapo", "trapo", "rl", at=LONG),
                above("trapo", "trapo", "sft-then-rl", at=LONG),
                *(
                    above("trapo", "trapo", "sft", at={"moves": moves})
                    for moves in ("1 to 12", "1 to 8", "5")
                ),
            ],
            why="The policy was pretrained on up to eight moves. On longer prompts TRAPO is only sharper "
            "than imitation, and on shorter ones both solve the task.",
        ),
        Claim(
            "The share of rollouts that need the expert decreases as the policy improves.",
            "analysis of the prefixes",
            PAPER,
            untestable="No record says which completions began with tokens of the expert.",
        ),
        Claim(
            "With 7 billion parameters, TRAPO reaches 56.6 on average over five benchmarks of "
            "mathematics.",
            "experiments",
            PAPER,
            untestable=TOO_SMALL,
        ),
    ),
)
