"""What a batch promises beside completions put aside: how it is measured, and what the record says
of it."""

import torch

from trbook.aside import USES, promises
from trlib.seeds import derive


def test_nothing_is_promised_before_the_first_update_and_the_trained_half_promises_more_after_it():
    (batch,) = promises(clip=False, seed=derive(7, "aside") % 1000, steps=1)
    assert batch.shape == (USES, 2) and torch.equal(batch[0], torch.zeros(2))
    assert (batch[1:].diff(dim=0)[:, 0] > 0).all(), (
        "each update raises what the half that it learns from promises"
    )
