"""PPO's claims."""

from trlab.claims.card import Card, Claim, above, below

PAPER = "1707.06347"

CARD = Card(
    "ppo",
    "PPO",
    (
        Claim(
            "Several epochs per batch need a trust region: without a clip or a penalty the policy "
            "collapses.",
            "section 6.1, table 1",
            PAPER,
            [
                above("reuse", "ppo", "pg_is", at={"uses": "8"}),
                above("basin", "ppo", "pg_is", at={"lr": "0.0001"}),
                below("basin", "pg_is", 0.5, "sampled", at={"lr": "1e-05"}),
            ],
            why="This depends on the learning rate, because at 1e-5 sixteen epochs per batch need no "
            "trust region. It also depends on the weight of a completion: at 1e-4, [plain "
            "rewards](../trlab/records/pushes/README.md) are stable without one. We chose to call an "
            "accuracy below 0.5 a collapse.",
        ),
        Claim(
            "The clipped objective does better than an adaptive KL penalty.",
            "section 6.1, table 1",
            PAPER,
            [
                above("penalty", "clip", "penalty, once a batch", at={"updates": "32"}),
            ],
            why="Only one learning rate was tried. We had said that the clip is better, when our penalty "
            "adapted β after every minibatch, whereas the paper adapts it once per batch.",
        ),
        Claim(
            "The clip keeps the policy near the one that has sampled.",
            "section 3",
            PAPER,
            [
                above("minibatches", "pg_is", "ppo", "kl", at={"minibatches": "8"}),
                above("reuse", "pg_is", "ppo", "kl", at={"uses": "16"}),
            ],
            why="However, gradients of other tokens can move a clipped token further out, because they "
            "share its parameters, and nothing brings it back (chapter 4).",
        ),
        Claim(
            "PPO is as good as the best methods of its time on continuous control and Atari.",
            "sections 6.2 to 6.4",
            PAPER,
            untestable="Our tasks consist of prompts and completions.",
        ),
    ),
)
