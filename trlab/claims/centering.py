"""Score centering's claims."""

from trlab.claims.card import TOO_SMALL, Card, Claim, above

PAPER = "2609.20807"
ROUNDED, LATE = {"sampler": "int4"}, {"sampler": "lag 16"}

CARD = Card(
    "centered",
    "Score centering",
    (
        Claim(
            "A coarsely rounded sampler pushes with every batch, and centering takes that away.",
            "abstract",
            PAPER,
            [above("drift", "centered", "plain", at=ROUNDED)],
        ),
        Claim(
            "With such a sampler centering alone does as well as weights by importance, or better.",
            "abstract",
            PAPER,
            [above("drift", "centered", "tis", at=ROUNDED)],
        ),
        Claim(
            "With old completions centering and a weight end above the weight alone.",
            "abstract",
            PAPER,
            [above("drift", "centered, tis", "tis", at=LATE)],
        ),
        Claim(
            "From 0.6 to 30 billion parameters, and the more the coarser the sampler rounds.",
            "abstract",
            PAPER,
            untestable=TOO_SMALL,
        ),
    ),
)
