"""TRAPO where the expert may be wrong, with the caps and thresholds of its parts.

The policy writes its steps rarely (`dial_rare`), on prompts of 1 to 12 moves, of which it has read
up to 8. The expert is perfect, or turns the dial wrongly at one move in five, so that most of his
answers to long prompts are wrong. A perfect expert cannot be beaten by anything that learns less
from it; one that errs should be.

Known beforehand, from the first round's `trapo`: TRAPO +.032 over rewards alone and +.039 over
imitation alone on 1 to 12 moves with a perfect expert; adaptive prefixes and the cap were not
resolved.
"""

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._second_round import SEEDS

RIGHT, WRONG = {"expert": "always right"}, {"expert": "errs"}

SWEEP = Sweep(
    title="an expert who errs",
    round=2,
    text="An expert who errs: who learns his habit without learning his mistakes?",
    policy="dial_rare",
    variants=(
        Variant("sft", label="sft"),
        Variant("sft_then_rl", {"sft_batches": 0}, label="rl"),
        Variant("sft_then_rl", {"sft_batches": 16}, label="sft-then-rl"),
        Variant("sft_plus_rl", label="sft+rl"),
        Variant("trapo", {"alpha": 0.0}, label="sft+rl-adaptive"),
        Variant("trapo", label="trapo"),
        Variant("trapo", {"alpha": 0.3}, label="trapo, alpha .3"),
        Variant("trapo", {"adaptive": False}, label="trsft+rl-fixed"),
    ),
    axes=[Axis("expert", {"always right": {}, "errs": {"task.expert_slip": 0.2}})],
    knobs={"moves": (1, 12), "max_tokens": 16},
    seeds=SEEDS,
    train={"prompts": 16, "group": 8, "lr": 3e-4},
    budget=Budget(steps=48, prompts=256),
    predictions=[
        Prediction(
            "imitation copies mistakes: with an expert who errs rewards alone are better",
            higher="rl",
            lower="sft",
            at=WRONG,
        ),
        Prediction(
            "TRAPO asks for the expert only where it fails, and its rewards correct him: above "
            "imitation",
            higher="trapo",
            lower="sft",
            at=WRONG,
        ),
        Prediction(
            "but most of what is imitated is wrong, so rewards alone are above TRAPO",
            higher="rl",
            lower="trapo",
            at=WRONG,
        ),
        Prediction(
            "TrSFT fades the push on tokens that the policy finds unlikely, and mistakes are "
            "such tokens: above the same with plain SFT",
            higher="trapo",
            lower="sft+rl-adaptive",
            at=WRONG,
        ),
        Prediction(
            "giving the prefixes only where a prompt fails lets fewer mistakes in",
            higher="trapo",
            lower="trsft+rl-fixed",
            at=WRONG,
        ),
        Prediction(
            "with a perfect expert plain interleaving is not below TRAPO",
            higher="sft+rl",
            lower="trapo",
            at=RIGHT,
        ),
    ],
)
