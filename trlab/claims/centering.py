"""Score centering's claims."""

from trlab.claims.card import TOO_SMALL, Card, Claim, above

PAPER = "2609.20807"
ROUNDED, LATE = {"sampler": "int4"}, {"sampler": "lag 16"}

CARD = Card(
    "centered",
    "Score centering",
    (
        Claim(
            "A coarsely quantised sampler adds the same gradient to every batch, and centering removes "
            "this gradient.",
            "abstract",
            PAPER,
            [above("drift", "centered", "plain", at=ROUNDED)],
        ),
        Claim(
            "With such a sampler, centering alone is at least as good as importance weights.",
            "abstract",
            PAPER,
            [above("drift", "centered", "tis", at=ROUNDED)],
        ),
        Claim(
            "With stale completions, centering together with an importance weight reaches more than "
            "the weight alone.",
            "abstract",
            PAPER,
            [above("drift", "centered, tis", "tis", at=LATE)],
        ),
        Claim(
            "Both are true from 0.6 to 30 billion parameters, and the more so, the coarser the "
            "sampler's precision is.",
            "abstract",
            PAPER,
            untestable=TOO_SMALL,
        ),
    ),
)
