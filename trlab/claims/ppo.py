"""PPO's claims."""

from trlab.claims.card import Card, Claim, above, below

PAPER = "1707.06347"

CARD = Card(
    "ppo",
    "PPO",
    (
        Claim(
            "Several epochs on one batch need a region: without a clip or a penalty the policy is "
            "lost.",
            "section 6.1, table 1",
            PAPER,
            [
                above("reuse", "ppo", "pg_is", at={"uses": "8"}),
                above("basin", "ppo", "pg_is", at={"lr": "0.0001"}),
                below("basin", "pg_is", 0.5, "sampled", at={"lr": "1e-05"}),
            ],
            why="It depends on the learning rate, at 1e-5 sixteen uses of a batch need no region, and "
            "on the push: at 1e-4 [plain rewards](../trlab/records/pushes/README.md) hold without one. "
            "That 0.5 counts as lost is our choice.",
        ),
        Claim(
            "The clipped objective does better than an adaptive KL penalty.",
            "section 6.1, table 1",
            PAPER,
            [
                above("penalty", "clip", "penalty, once a batch", at={"updates": "32"}),
            ],
            why="One learning rate was run. We had said that the clip is better; our penalty "
            "adapted β after every minibatch, the paper's once a batch.",
        ),
        Claim(
            "The clip keeps the policy near the one that sampled.",
            "section 3",
            PAPER,
            [
                above("minibatches", "pg_is", "ppo", "kl", at={"minibatches": "8"}),
                above("reuse", "pg_is", "ppo", "kl", at={"uses": "16"}),
            ],
            why="But what shares a token's parameters may carry it further out, and nothing "
            "brings it back (chapter 4).",
        ),
        Claim(
            "It equals the best of its time on continuous control and Atari.",
            "sections 6.2 to 6.4",
            PAPER,
            untestable="Our tasks are prompts and completions.",
        ),
    ),
)
