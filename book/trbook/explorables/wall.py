"""Wall: three copies of SmolLM2 learn to add, and one wall of answers collapses."""

from __future__ import annotations

import traitlets as t

from trbook.explorables.host import Packed


class Wall(Packed):
    """Three recorded runs of SmolLM2-135M on sums of three numbers, side by side: every answer of
    every batch is a tile, green where it is right and hatched where it gives no number.

    It moves by itself, once, from the first batch to the sixth, and asks which wall will be
    greenest; a guess plays the rest and tells the names. Where less motion is wished for it begins
    where it asks. So does a link, which passes on a guess and no result.

    One run used each batch once, one eight times, and one eight times with PPO's clip: seed 7310
    of `trlib sweep real_words`.

    A batch outside of 1 to 16 is clamped by the page, which says why.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a trait of the wrong type, or a guess that is no wall.
    """

    module = "wall"
    fallback = (
        "Three walls of 64 answers each of three copies of SmolLM2, which learn to add, after five "
        "batches. A tile is green where the answer is right, and B has most of them. Which wall "
        "will be greenest in batch 16?"
    )

    guess = t.Enum(
        ("", "A", "B", "C"),
        "",
        help="The wall that somebody has guessed, if anybody has; the page asks what the reader guesses.",
    )
    batch = t.CInt(1, help="The batch that is shown, 1 to 16.")
