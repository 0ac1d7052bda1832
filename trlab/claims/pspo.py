"""PSPO's claims."""

from trlab.claims.card import TOO_SMALL, Card, Claim, above

PAPER = "2509.21282"

CARD = Card(
    "pspo",
    "PSPO",
    (
        Claim(
            "With several epochs per batch, smoothing towards the old policy reaches a higher accuracy "
            "than clipping.",
            "abstract",
            PAPER,
            [
                above("best", "pspo", "ppo", at={"uses": "16"}),
                above("shootout", "pspo", "ppo", at={"updates": "32"}),
            ],
            why="The gradient is 1 - α times the one without a trust region, and an optimiser that "
            "normalises gradients removes this factor.",
        ),
        Claim(
            "PSPO keeps the policy within a soft trust region.",
            "title and abstract",
            PAPER,
            [
                above("best", "pg_is", "pspo", "kl", at={"uses": "16"}),
                above("shootout", "pg_is", "pspo", "kl", at={"updates": "32"}),
            ],
            why="It limits the divergence of a mixture, but the mixture never samples.",
        ),
        Claim(
            "PSPO is the objective without a trust region, except for a factor.",
            "our reading of the formula",
            PAPER,
            [above("shootout", "pspo", "pg_is", within=0.1, at={"updates": "32"})],
        ),
        Claim(
            "On GSM8K with 0.5 billion parameters PSPO reaches 39.7 %, and the clip 17.6 % (version 1 "
            "of the paper).",
            "experiments of version 1",
            PAPER,
            untestable=TOO_SMALL,
        ),
    ),
)
