"""PSPO's claims."""

from trlab.claims.card import TOO_SMALL, Card, Claim, above

PAPER = "2509.21282"

CARD = Card(
    "pspo",
    "PSPO",
    (
        Claim(
            "Where data are used again, smoothing towards the old policy ends higher than clipping.",
            "abstract",
            PAPER,
            [
                above("best", "pspo", "ppo", at={"uses": "16"}),
                above("shootout", "pspo", "ppo", at={"updates": "32"}),
            ],
            why="The gradient is 1 - α times the one without a region, which an optimiser "
            "that normalises gradients hardly notices.",
        ),
        Claim(
            "It holds the policy by a soft trust region.",
            "title and abstract",
            PAPER,
            [
                above("best", "pg_is", "pspo", "kl", at={"uses": "16"}),
                above("shootout", "pg_is", "pspo", "kl", at={"updates": "32"}),
            ],
            why="It contracts the divergence of a mixture, and the mixture never samples.",
        ),
        Claim(
            "It is the objective without a region, except for a factor.",
            "our reading of the formula",
            PAPER,
            [above("shootout", "pspo", "pg_is", within=0.1, at={"updates": "32"})],
        ),
        Claim(
            "GSM8K with 0.5 billion parameters: 39.7 % against the clip's 17.6 % (version 1 of "
            "the paper).",
            "experiments of version 1",
            PAPER,
            untestable=TOO_SMALL,
        ),
    ),
)
