"""The crossed arms of `completions` on other tasks: 16 or 64 prompts, each fitted once or sixteen
times, at three rates.

Here the rates are the same for all arms and no distance is matched: the question is only which of
the two numbers an end goes with. All runs make 24 batches of sixteen updates, each prompt with 8
completions. The distance is recorded as in `completions`.
"""

from collections.abc import Sequence
from typing import Any

from trlab import Axis, Budget, Prediction, Sweep, Variant
from trlab.sweeps._fifth_round import ARMS, BATCH

FOUR = ("16 x 1", "16 x 16", "64 x 1", "64 x 16")


def family(
    title: str, text: str, rates: Sequence[float], seeds: Sequence[int], **more: Any
) -> Sweep:
    """The four arms on one task. What is predicted: at the two higher rates more prompts end higher,
    whether they are fitted once or sixteen times."""
    low, middle, high = (f"{rate:g}" for rate in rates)
    return Sweep(
        title=title,
        round=5,
        text=text,
        variants=[Variant("pg_is", label=arm, train={**BATCH, **ARMS[arm]}) for arm in FOUR],
        axes=[Axis("lr", tuple(rates))],
        seeds=seeds,
        budget=Budget(steps=24, prompts=512, samples=4, common=2026),
        aside=True,
        predictions=[
            *(
                Prediction(
                    f"at {rate} 64 prompts end above 16, {fitted}",
                    higher=f"64 x {fits}",
                    lower=f"16 x {fits}",
                    at={"lr": rate},
                )
                for rate in (middle, high)
                for fits, fitted in ((1, "fitted once"), (16, "fitted sixteen times"))
            ),
            Prediction(
                f"at {low} it hardly matters how often 64 prompts are fitted: within .05",
                higher="64 x 1",
                lower="64 x 16",
                within=0.05,
                at={"lr": low},
            ),
        ],
        **more,
    )
