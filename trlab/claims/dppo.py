"""DPPO's claims."""

from trlab.claims.card import Card, Claim, above

PAPER = "2602.04879"

NOISY = [{"sampler of": place} for place in ("int4", "noise 1", "lag 8")]
LAST = {"uses": "16"}

CARD = Card(
    "dppo",
    "DPPO",
    (
        Claim(
            "A clip of the ratio stops rare tokens although they hardly move the distribution, and "
            "thereby slows learning. A mask on total variation does not.",
            "abstract",
            PAPER,
            [
                above(
                    "rare", "dppo-tv", "ppo", "take_off", at={"parts": "8 minibatches, 2 epochs"}
                ),
                above("rare", "dppo-tv", "ppo", "take_off", at={"parts": "whole, 8 uses"}),
            ],
        ),
        Claim(
            "The trust region must be drawn around the policy that has sampled. If it is drawn around "
            "a recomputed policy, training drifts when the two differ.",
            "headline experiments",
            PAPER,
            [above("noise", "dppo, sampler", "dppo, learner", at=place) for place in NOISY],
        ),
        Claim(
            "With the mask, training is stable where it collapses without a trust region.",
            "headline experiments",
            PAPER,
            [
                above("reuse", "dppo-tv", "pg_is", at=LAST),
                above("basin", "dppo-tv", "pg_is", at={"lr": "0.0001"}),
            ],
        ),
        Claim(
            "DPPO is more stable and more accurate than GRPO and its variants on a mixture of experts "
            "with 30 billion parameters.",
            "headline experiments",
            PAPER,
            untestable="Our models are much smaller, and the sampler's mismatch is simulated.",
        ),
    ),
)
