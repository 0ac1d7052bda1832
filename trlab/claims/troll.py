"""TROLL's claims."""

from trlab.claims.card import TOO_SMALL, Card, Claim, above

PAPER = "2510.03817"
RATES = ("1e-05", "3e-05", "0.0001", "0.0003")

CARD = Card(
    "troll",
    "TROLL",
    (
        Claim(
            "Projecting every token's distribution onto a KL ball ends higher than clipping the "
            "ratio.",
            "abstract",
            PAPER,
            [
                above("reuse", "troll", "ppo", at={"uses": "16"}),
                above("best", "troll", "ppo", at={"uses": "16"}),
            ],
        ),
        Claim(
            "The divergence of every token is bounded, so updates are smaller.",
            "the projection's definition",
            PAPER,
            [
                above("reuse", "ppo", "troll", "kl", at={"uses": "16"}),
                above("basin", "ppo", "troll", "kl", at={"lr": "1e-05"}),
            ],
            why="At 1e-5, where both do best, sixteen seeds show no difference.",
        ),
        Claim(
            "The result depends little on the radius, over a factor of 25.",
            "ablation of the radius",
            PAPER,
            [
                above("basin_narrow", "troll", "troll-tenth", within=0.05, at={"lr": lr})
                for lr in RATES
            ],
            why="The test spans a factor of 10; the lowest rate is TROLL's best.",
        ),
        Claim(
            "Entropy is kept, since a token that the clip would silence still has a gradient.",
            "our reading of the method",
            PAPER,
            [
                above("matched", "troll", "ppo", "entropy"),
                above("matched", "troll", "ppo", "entropy@0.7"),
            ],
        ),
        Claim(
            "The network must be pulled to its projection: without the regression it runs off.",
            "the loss's second term",
            PAPER,
            [
                above("troll_parts", "troll", "no regression"),
                above("troll_parts", "no regression", "troll", "kl"),
            ],
        ),
        Claim(
            "Dropping the tail of a sparse support makes the entropy explode.",
            "the sparse form",
            PAPER,
            [above("troll_parts", "4 tokens, no rest", "4 tokens and the rest", "entropy")],
            why="We keep four tokens; the paper's 64 would leave out next to nothing here.",
        ),
        Claim(
            "Three to ten points over the clip on models of 0.6 to 14 billion parameters, for 5 % "
            "more memory.",
            "experiments",
            PAPER,
            untestable=TOO_SMALL,
        ),
    ),
)
