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
            why="The step is scaled until it does.",
        ),
        Claim(
            "One radius, 0.01, serves different problems with little tuning.",
            "abstract and section 8",
            PAPER,
            [above("loops", "trpo .001", "trpo", within=0.05)],
            why="Two radii were tried, on one problem.",
        ),
        Claim(
            "Theory bounds how much the return can fall in a step, so improvement is monotonic.",
            "theorem 1",
            PAPER,
            untestable="The bound's constant makes steps too small to take; the method in use "
            "keeps the radius, not the guarantee.",
        ),
    ),
)
