"""The claims of GRPO and its variants."""

from trlab.claims.card import TOO_SMALL, Card, Claim, above

RARE = {"parts": "8 minibatches, 2 epochs"}
ONCE_MORE = {"uses": "4"}
LAST = {"uses": "16"}

CARD = Card(
    "grpo",
    "GRPO and its children",
    (
        Claim(
            "GRPO: the mean reward of a group replaces a critic without a loss of accuracy.",
            "section 4.1",
            "2402.03300",
            [
                above("loops", "grpo", "ppo_critic", within=0.02),
                above("critic", "ppo", "ppo_critic", at={"updates": "32"}),
            ],
            why="With several epochs per batch, each epoch follows the errors of the critic further.",
        ),
        Claim(
            "Dr.GRPO: dividing by the group's standard deviation gives prompts that are nearly "
            "solved, or hardly ever, too much weight.",
            "section 3.1",
            "2503.20783",
            [
                above("perprompt", "grpo", "ppo", kind, at=ONCE_MORE)
                for kind in ("kl_many", "kl_few")
            ],
        ),
        Claim(
            "DAPO: a wider window above 1 lets rare tokens become more probable and preserves entropy.",
            "section 3.1",
            "2503.14476",
            [
                above("rare", "clip-higher", "ppo", measure, at=RARE)
                for measure in ("take_off", "entropy")
            ],
        ),
        Claim(
            "GSPO: one ratio for a whole completion trains more stably than one for each token.",
            "sections 1 and 4",
            "2507.18071",
            untestable="In our runs its window is far narrower than PPO's, and a narrow window alone makes "
            "training more stable.",
        ),
        Claim(
            "GSPO: it also learns more from the same data, although it clips far more tokens.",
            "section 5",
            "2507.18071",
            [above("best", "gspo", "ppo", measure, at=LAST) for measure in ("take_off", "sampled")],
            why="This depends on the learning rate: where it is too high, GSPO reaches more than PPO in "
            "several sweeps (`basin`, `reuse`, `shootout`), and where it is low, less.",
        ),
        Claim(
            "CISPO: clipping the weight, so that every token keeps its gradient, learns faster than "
            "clipping the objective.",
            "section 3",
            "2506.13585",
            [
                above("best", "cispo", "ppo", measure, at=LAST)
                for measure in ("take_off", "sampled")
            ],
        ),
        Claim(
            "SAPO: a smooth gate in place of a hard clip is more stable and reaches a higher accuracy.",
            "abstract",
            "2511.20347",
            [above("best", "sapo", "ppo", at=LAST)],
            why="This test is at a learning rate at which nothing is unstable. In `shootout`, with 32 "
            "updates per batch at 1e-4, five of eight runs of SAPO collapse and none of PPO's.",
        ),
        Claim(
            "These methods raise the accuracy of large models on mathematics.",
            "experiments of each",
            "2402.03300",
            untestable=TOO_SMALL,
        ),
    ),
    note="In these tests `ppo` takes its advantages from the group's mean and clips each token, "
    "and `ppo_critic` has a learned critic.",
)
