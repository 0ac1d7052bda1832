"""What every page of the gallery shows: its branch's map, one step of its methods on one bandit,
and recorded runs.

branch_map("ratios")
steps({"PPO": PPO(), "R2VPO": RELATIVES["r2vpo"]()})
on_dial("ratios")
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trbook.bandit import bandit_step
from trbook.figures import plain
from trlab.drawing import intervals
from trlab.drawing.display_names import display_name
from trlab.drawing.rates import written_rate
from trlab.outcomes import Note, folded, is_recorded, judged, not_run
from trlab.record import read
from trlab.sweep import load_sweep
from trlib import arguments

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from trlab.sweep import Variant

SWEEP = "gallery_best"

MAPS: dict[str, dict[str, tuple[str, str, str, str, bool]]] = json.loads(
    (Path(__file__).parent / "gallery.json").read_text(encoding="utf-8")
)
"""By branch and method: title, what is kept close, to what, by which means, and whether the formula is
ours. `book.build.methods` writes it, from the cards."""
MU = (0.05, 0.15, 0.3, 0.3, 0.2)
"""The bandit of the gallery: what the policy draws before the step,"""
ADVANTAGES = (2.0, 0.5, 0.2, -0.3, -0.725)
"""and what every arm is worth: on average 0, and the best arm is rare."""


def branch_map(branch: str) -> pd.DataFrame:
    """A row for each method of a branch: what it keeps close, to what, and how, from the method
    cards.

    Raises:
        ValueError: no such branch.
    """
    import pandas as pd

    rows = MAPS[arguments.choice("branch", branch, tuple(MAPS))].values()
    names = [f"{title} (formula ours)" if ours else title for title, *_, ours in rows]
    return _whole(
        pd.DataFrame(
            [cells for _, *cells, _ in rows],
            index=pd.Index(names, name="method"),
            columns=["what is kept close", "to what", "how"],
        )
    )


def steps(
    methods: Mapping[str, Any], mu: Any = MU, advantages: Any = ADVANTAGES, **regime: Any
) -> pd.DataFrame:
    """A row for each method: what one step of `trbook.bandit.bandit_step` gains, and how far it
    goes.

    Args:
        methods: by the name of the row, an objective or a closed form.
        mu, advantages: [K], of the bandit; the gallery's own by default.
        regime: `uses`, `lr`, `samples` and `batches`.
    """
    import pandas as pd

    rows = {name: bandit_step(method, mu, advantages, **regime) for name, method in methods.items()}
    return pd.DataFrame(
        [(one.gain, one.kl, one.tv, one.ratio, one.entropy) for one in rows.values()],
        index=pd.Index(rows, name="one step"),
        columns=["gain", "KL(μ‖π)", "TV", "max |r − 1|", "entropy"],
    ).round(3)


@plain
def _on_dial(labels: Sequence[str]) -> Figure:
    import matplotlib.pyplot as plt

    often = {"1": "one epoch per batch", "8": "eight epochs per batch"}
    size = (6.8, 1.1 + 0.38 * len(labels))
    figure, axes = plt.subplots(1, 2, sharex=True, sharey=True, figsize=size)
    names = {
        label: f"{display_name(label)}\nlr " + " and ".join(map(written_rate, _rates(label, often)))
        for label in labels
    }
    for ax, (uses, words) in zip(axes, often.items(), strict=True):
        intervals(ax, SWEEP, names, uses=uses)
        ax.set(title=words, xlabel="sampled accuracy", xlim=(0, 1))
    return figure


def on_dial(branch: str) -> Figure | Note:
    """How often the methods of a branch are right after 24 batches of `dial`, with one or eight
    epochs per batch, compared with PPO and no trust region: recorded runs, each method at the
    learning rate that is best for it at that many epochs, interquartile means of eight seeds with
    95 % intervals; below each name are the two learning rates."""
    if not is_recorded(SWEEP):
        return not_run(SWEEP)
    return _on_dial([variant.name for variant in _variants(branch)])


def _rates(label: str, uses: Iterable[str]) -> list[float]:
    """The learning rate of its recorded runs at each number of epochs."""
    runs = read(SWEEP)[1]
    own = runs[runs["label"] == label]
    return [json.loads(own[own["uses"].astype(str) == one]["train"].iloc[0])["lr"] for one in uses]


def foretold(branch: str) -> Note:
    """What was predicted of the branch before the runs, and the results, folded under a line that
    counts."""
    if not is_recorded(SWEEP):
        return not_run(SWEEP)
    own = {variant.name for variant in _variants(branch)} - set(CONTROLS)
    return folded([f for f in judged(SWEEP) if {f.prediction.higher, f.prediction.lower} & own])


def _whole(table: pd.DataFrame) -> pd.DataFrame:
    """The table, which a notebook shows without a text cut short."""
    import pandas as pd

    class Whole(pd.DataFrame):
        def _repr_html_(self) -> str:
            with pd.option_context("display.max_colwidth", None):
                return super()._repr_html_()

    return Whole(table)


CONTROLS = ("pg_is", "ppo")
"""Beside every branch: no region, and the clip."""


def _variants(branch: str) -> list[Variant]:
    """The variants of the sweep that belong to a branch, after the controls.

    Raises:
        ValueError: no such branch, or none whose methods train `dial`.
    """
    objectives = load_sweep(SWEEP).variants

    def home(variant: Variant) -> str:
        named = str(variant.train.get("optimizer", variant.method))
        return next((branch for branch, of in MAPS.items() if named in of), "")

    own = [variant for variant in objectives if home(variant) == branch]
    if branch not in MAPS or not own:
        raise ValueError(f"branch: expected one whose methods train dial, got {branch!r}")
    first = ["sft"] if branch == "finetuning" else [*CONTROLS]
    return [variant for variant in objectives if variant.name in first and variant not in own] + own
