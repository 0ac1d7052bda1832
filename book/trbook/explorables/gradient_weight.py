"""Gradient weight: how hard each method pushes one sampled token, against its ratio."""

from __future__ import annotations

from typing import ClassVar

import traitlets as t

from trbook.explorables.clip import METHODS, Clip
from trbook.explorables.host import Finite


class GradientWeight(Clip):
    """`Clip` as chapter 5 opens it: the weights of four methods, which share no objective.

    Its settings and errors are those of `Clip`; its address stays `#gradient_weight:`.
    """

    module: ClassVar[str] = "gradient_weight"
    fallback: ClassVar[str] = (
        "Gradient weight: how hard each method pushes one token against its ratio, for a "
        "positive and a negative advantage. It needs JavaScript."
    )

    show = t.List(
        t.Enum(METHODS),
        ["ppo", "cispo", "sapo", "pspo"],
        help=f"The methods drawn, at most four of {METHODS}.",
    ).tag(sync=True)
    old_p = Finite(0.2, help="The token's probability q when it was sampled, in (0, 1).").tag(
        sync=True
    )
