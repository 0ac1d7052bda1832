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
                above("stale", "ppo", "pg_is"),
                above("basin", "ppo", "pg_is", at={"lr": "0.0001"}),
                below("basin", "pg_is", 0.5, "sampled", at={"lr": "1e-05"}),
            ],
            why="It depends on the learning rate: with AdamW at 1e-5 sixteen uses of a batch need "
            "no region. That 0.5 would count as lost is our choice.",
        ),
        Claim(
            "The clipped objective does better than an adaptive KL penalty.",
            "section 6.1, table 1",
            PAPER,
            [
                above("penalty", "clip", "penalty, once a batch", at={"updates": "32"}),
            ],
            why="With the paper's controller, which adapts β once a batch, the two end alike as far "
            "as twelve seeds show. We had said that the clip is better: our penalty adapted β after "
            "every minibatch. No other learning rate was run.",
        ),
        Claim(
            "The clip keeps the policy near the one that sampled.",
            "section 3",
            PAPER,
            [
                above("minibatches", "pg_is", "ppo", "kl", at={"minibatches": "8"}),
                above("reuse", "pg_is", "ppo", "kl", at={"uses": "16"}),
            ],
            why="A token that has left the window is pushed no further. What shares its parameters "
            "may still carry it, and nothing brings it back (chapter 4).",
        ),
        Claim(
            "It equals the best of its time on continuous control and Atari.",
            "sections 6.2 to 6.4",
            PAPER,
            untestable="The tasks here are prompts and completions.",
        ),
    ),
)
