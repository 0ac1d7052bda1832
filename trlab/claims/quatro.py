"""QUATRO's claims."""

from trlab.claims.card import TOO_SMALL, Card, Claim, above, below

PAPER = "2602.04620"

HARD = {"uses": "4"}
LAST = {"uses": "16"}

CARD = Card(
    "quatro",
    "QUATRO",
    (
        Claim(
            "Every prompt gets a trust region of its own, so that easy prompts do not become certain "
            "while hard ones do not move.",
            "two summaries",
            PAPER,
            [
                below("perprompt", "quatro", 0.1, kind, at=HARD)
                for kind in ("kl_many", "kl_half", "kl_few")
            ],
            why="At 3e-4 the divergence of QUATRO depends far less on difficulty than that of PPO. "
            "However, it exceeds the radius, except for prompts of which nearly all completions are "
            "right. At 1e-5, in the sweep `best`, the mean divergence of either method is at most half of "
            "the radius for every kind of prompt.",
        ),
        Claim(
            "QUATRO is stable with stale batches and high learning rates.",
            "abstract",
            PAPER,
            [
                above("reuse", "quatro", "pg_is", at=LAST),
                *(above("reuse", "quatro", "ppo", at={"uses": uses}) for uses in ("4", "8", "16")),
                above("shootout", "quatro", "ppo", at={"updates": "32"}),
            ],
            why="With sixteen epochs per batch at 3e-4 QUATRO reaches more than PPO, but five of its "
            "eight runs collapse, too. With four epochs, and with 32 updates at 1e-4, it reaches less, and "
            "with 32 updates three of eight runs of QUATRO collapse and none of PPO's. No stale sampler is "
            "among these runs.",
        ),
        Claim(
            "QUATRO reaches a higher accuracy on six benchmarks of mathematics.",
            "a summary",
            PAPER,
            untestable=TOO_SMALL,
        ),
    ),
    note="**These tests are of QUATRO as derived in this book.** We have not read the paper. Our loss "
    "solves the problem that two summaries state ([one](https://www.sciencestack.ai/paper/2602.04620), "
    "[two](https://koineu.com/en/posts/2026/02/2026-02-06-2602_04620)). If a claim "
    "is not reproduced, our derivation may be the cause.",
)
