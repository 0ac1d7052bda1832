"""TRPO's claims."""

from trlab.claims.card import Card, Claim, above, below

PAPER = "1502.05477"

CARD = Card(
    "trpo",
    "TRPO",
    (
        Claim(
            "Every step that the line search accepts stays within the radius, measured as the "
            "mean KL between the old policy and the new one.",
            "section 6 and appendix C",
            PAPER,
            [below("loops", "trpo", 0.01, "kl")],
            why="The step is scaled until it does; damping leaves the first try below the radius.",
        ),
        Claim(
            "One radius, 0.01, serves different problems with little tuning.",
            "abstract and section 8",
            PAPER,
            [above("loops", "trpo .001", "trpo", within=0.05)],
            why="The test has two radii and one problem; other problems were not tried.",
        ),
        Claim(
            "Theory bounds how much the return can fall in a step, so improvement is monotonic.",
            "theorem 1",
            PAPER,
            untestable="The bound's constant makes steps too small to take; the method in use "
            "keeps the radius "
            "but not the guarantee, and a record's rewards are noisier than a step.",
        ),
    ),
)
