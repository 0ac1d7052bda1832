"""TROLL's claims."""

from trlab.claims.card import TOO_SMALL, Card, Claim, above

PAPER = "2510.03817"
RATES = ("1e-05", "3e-05", "0.0001", "0.0003")

CARD = Card(
    "troll",
    "TROLL",
    (
        Claim(
            "Projecting the distribution of every token onto a KL ball reaches a higher accuracy than "
            "clipping the ratio.",
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
            why="At 1e-5, where both do best, the difference of sixteen seeds is not significant.",
        ),
        Claim(
            "The result depends little on the radius, over a factor of 25.",
            "ablation of the radius",
            PAPER,
            [
                above("basin_narrow", "troll", "troll-tenth", within=0.05, at={"lr": lr})
                for lr in RATES
            ],
            why="Our test covers a factor of 10, and TROLL is best at the lowest of these learning rates.",
        ),
        Claim(
            "The regression of the network on its projection is needed: without it, the network moves "
            "ever further away.",
            "the loss's second term",
            PAPER,
            [
                above("troll_parts", "troll", "no regression"),
                above("troll_parts", "no regression", "troll", "kl"),
            ],
        ),
        Claim(
            "Leaving out the tail of the vocabulary in the sparse form makes the entropy explode.",
            "the sparse form",
            PAPER,
            [above("troll_parts", "4 tokens, no rest", "4 tokens and the rest", "entropy")],
            why="We keep four tokens. With our vocabulary, the paper's 64 would leave out almost nothing.",
        ),
        Claim(
            "TROLL reaches three to ten points more than the clip on models of 0.6 to 14 billion "
            "parameters, for 5 % more memory.",
            "experiments",
            PAPER,
            untestable=TOO_SMALL,
        ),
    ),
)
