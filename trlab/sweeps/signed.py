"""Signed or not: should a token outside the region keep its gradient where the update would bring
it back?

DPPO's mask is signed: it drops a token only where the update pushes it further out. The mask that
prime-rl calls IPO drops it either way, so a token that has left the region stays where it is until
the next batch. Each with the difference of probabilities (threshold .15) and with the ratio (window
.2), and prime-rl's squared log-ratio beside the first two. Thresholds are not tuned: compare signed
with unsigned, not differences with ratios.
"""

from pathlib import Path

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._second_round import BATCH, SEEDS, USES

MASKS = Path(__file__).with_name("_masks.py")
SOME, OFTEN = {"uses": "4"}, {"uses": "16"}

SWEEP = Sweep(
    title="masks with and without a sign",
    round=2,
    text="Outside the region, should a token keep the gradient that brings it back?",
    variants=(
        Variant("dppo", label="difference, signed"),
        Variant("dppo", {"signed": False}, label="difference, unsigned"),
        Variant(f"{MASKS}:RatioMask", label="ratio, signed"),
        Variant(f"{MASKS}:RatioMask", {"signed": False}, label="ratio, unsigned"),
        Variant(f"{MASKS}:Pulled", label="difference, signed, pulled"),
        Variant(f"{MASKS}:Pulled", {"signed": False}, label="difference, unsigned, pulled"),
    ),
    axes=[Axis("uses", {label: USES[label] for label in ("1", "4", "16")})],
    seeds=SEEDS,
    train=BATCH,
    budget=Budget(steps=24, prompts=256),
    predictions=[
        Prediction(
            "a token that overshoots is never brought back without the sign, so the policy drifts "
            "further",
            higher="difference, unsigned",
            lower="difference, signed",
            measure="kl",
            at=OFTEN,
        ),
        Prediction(
            "and ends lower", higher="difference, signed", lower="difference, unsigned", at=OFTEN
        ),
        Prediction(
            "the same with the ratio: further",
            higher="ratio, unsigned",
            lower="ratio, signed",
            measure="kl",
            at=OFTEN,
        ),
        Prediction("and lower", higher="ratio, signed", lower="ratio, unsigned", at=OFTEN),
        Prediction(
            "a pull of .001 is a five-hundredth of an advantage: the pulled runs move as far, "
            "above half of the others' divergence",
            higher="difference, signed, pulled",
            lower=0.02,
            measure="kl",
            at=OFTEN,
            tested="above 0.02 nats per token, which is less than half of the others'",
        ),
        Prediction(
            "at 4 uses unsigned masks silence more tokens",
            higher="difference, signed",
            lower="difference, unsigned",
            measure="kept",
            at=SOME,
        ),
    ],
)
