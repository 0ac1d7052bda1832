"""Written: what SmolLM2 writes while it learns, breaks and holds, batch by batch."""

from __future__ import annotations

from typing import ClassVar

import traitlets as t

from trbook.explorables.host import Packed

TOTALS = (91, 63, 64, 86)
"""The four sums that are read, by their right answers, in the order of the record."""


class Written(Packed):
    """Three recorded runs of SmolLM2-135M on sums of three numbers, side by side: what each policy
    answers to one sum before every batch and at the end, and the share of right answers.

    It moves by itself, once, from the start to the fifth batch, and waits there: the run that used
    every batch eight times is at its best, ahead of both others, and alone right about 19 + 31 + 36.
    Where less motion is wished for it stands there from the beginning.

    One run used each batch once, one eight times, and one eight times with PPO's clip. A run
    answers with the same uniform numbers every time, so a text changes only where the policy has.
    Each lane is one run, seed 7310, of `trlib sweep real_words`.

    A batch outside of 0 to 16 is clamped by the page, which says why.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, or a sum that was not recorded.
    """

    module: ClassVar[str] = "written"
    fallback: ClassVar[str] = (
        "What SmolLM2 answers to a sum while it learns: used once, each batch teaches it slowly to "
        "write both steps; used eight times, it is far ahead and then its digits turn into words; "
        "with PPO's clip it holds."
    )

    total = t.Enum(
        TOTALS, 86, help=f"The sum that is read, by its right answer: one of {TOTALS}."
    ).tag(sync=True)
    batch = t.CInt(5, help="After how many batches, 0 to 16.").tag(sync=True)
