"""What every page of the gallery shows: the map of its branch, and its methods' one step on one bandit.

    branch_map("ratios")
    steps({"PPO": PPO(), "R2VPO": RELATIVES["r2vpo"]()})
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trlib.lab.bandit import bandit_step
from trlib.pages.cards import CARDS, GALLERY

if TYPE_CHECKING:
    import pandas as pd

MU = (0.05, 0.15, 0.3, 0.3, 0.2)
"""The bandit of the gallery: what the policy draws before the step,"""
ADVANTAGES = (2.0, 0.5, 0.2, -0.3, -0.725)
"""and what every arm is worth: on average 0, and the best arm is rare."""


def branch_map(branch: str) -> pd.DataFrame:
    """A row for each method of a branch: what it keeps close, to what, and how, from the method cards.

    Raises:
        ValueError: no such branch, or one without cards.
    """
    import pandas as pd

    cards = [card for card in CARDS.values() if card.family == branch]
    if branch not in GALLERY or not cards:
        raise ValueError(f"branch: expected one of {', '.join(GALLERY)}, with cards, got {branch!r}")
    names = [f"{card.title} (after {card.after})" if card.after else card.title for card in cards]
    return pd.DataFrame([(card.what, card.to, card.how) for card in cards],
                        index=pd.Index(names, name="method"), columns=["what is kept close", "to what", "how"])


def steps(methods: Mapping[str, Any], mu: Any = MU, advantages: Any = ADVANTAGES, **regime: Any) -> pd.DataFrame:
    """A row for each method: what one step of `trlib.lab.bandit.bandit_step` gains, and how far it goes.

    Args:
        methods: by the name of the row, an objective or a closed form.
        mu, advantages: [K], of the bandit; the gallery's own by default.
        regime: `uses`, `lr`, `samples` and `batches`.
    """
    import pandas as pd

    rows = {name: bandit_step(method, mu, advantages, **regime) for name, method in methods.items()}
    return pd.DataFrame([(one.gain, one.kl, one.tv, one.ratio, one.entropy) for one in rows.values()],
                        index=pd.Index(rows, name="one step"),
                        columns=["gain", "KL(μ‖π)", "TV", "max |r − 1|", "entropy"]).round(3)
