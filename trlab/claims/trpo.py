"""TRPO's claims."""

from trlab.claims.card import Card, Claim, above, below

PAPER = "1502.05477"

CARD = Card(
    "trpo",
    "TRPO",
    (
        Claim(
            "Every accepted step stays within the radius, measured as the mean KL between old and "
            "new policy.",
            "section 6 and appendix C",
            PAPER,
            [below("loops", "trpo", 0.01, "kl")],
            why="The length of the step is reduced until it does.",
        ),
        Claim(
            "One radius, 0.01, is suitable for different problems with little tuning.",
            "abstract and section 8",
            PAPER,
            [above("loops", "trpo .001", "trpo", within=0.05)],
            why="We tried two radii, on one problem.",
        ),
        Claim(
            "Theory bounds how much the return can fall in a step, so improvement is monotonic.",
            "theorem 1",
            PAPER,
            untestable="The constant of this bound allows only steps that are too small to be useful. "
            "The method as it is used keeps the radius, but not the guarantee.",
        ),
    ),
)
