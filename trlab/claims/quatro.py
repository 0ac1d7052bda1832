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
            "Every prompt gets a trust region of its own, so that easy prompts do not run to "
            "certainty while hard ones stand still.",
            "two summaries",
            PAPER,
            [
                below("perprompt", "quatro", 0.1, kind, at=HARD)
                for kind in ("kl_many", "kl_half", "kl_few")
            ],
            why="At 3e-4 the divergence depends on difficulty far less than PPO's, but lies above "
            "the radius unless nearly all of a group are right. At 1e-5 no kind of "
            "prompt comes near it, with PPO or with QUATRO.",
        ),
        Claim(
            "It is stable where batches are stale and learning rates are large.",
            "abstract",
            PAPER,
            [
                above("reuse", "quatro", "ppo", at=LAST),
                above("reuse", "quatro", "pg_is", at=LAST),
            ],
            why="Batches used sixteen times. In a retired sweep with 32 minibatches at 3e-4 (`heatmap`) no "
            "difference from PPO was significant.",
        ),
        Claim(
            "It keeps more different right answers and better pass@k.",
            "a summary",
            PAPER,
            [
                above("diversity", "quatro", "ppo", "distinct", at={"updates": "8"}),
                above("matched", "quatro", "ppo", "distinct"),
                above("matched", "quatro", "ppo", "distinct@0.7"),
            ],
            why="A policy that has learned less is more diverse: hence the test at equal reward.",
        ),
        Claim(
            "Higher accuracy on six benchmarks of mathematics.",
            "a summary",
            PAPER,
            untestable=TOO_SMALL,
        ),
    ),
    note="**QUATRO (our derivation).** Nobody here has read the paper. Ours solves the problem "
    "that two summaries state ([one](https://www.sciencestack.ai/paper/2602.04620), "
    "[two](https://koineu.com/en/posts/2026/02/2026-02-06-2602_04620)). What is not seen "
    "may be our derivation's.",
)
