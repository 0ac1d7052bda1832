"""Two losses whose rewards rise, and a token that tells which of them is wrong."""

from __future__ import annotations

from typing import Any

import traitlets as t

from trbook.explorables.host import Packed

LINES = {
    "X": "A * r * (sign(A) * (q - p) <= 0.15)",
    "Y": "A * r * (sign(A) * (p - q) <= 0.15)",
}
"""X's mask is turned around, and Y is DPPO's loss, both as in chapter 12."""
SEEDS, BATCHES = 4, 20


class TwoLosses(Packed):
    """Two recorded rewards that rise, and after a guess the second update of a batch: the gradient
    weight of its first token by hand, in X and in Y.

    Raises:
        ValueError: an unknown setting.
        traitlets.TraitError: a guess that is none of X and Y.
    """

    module = "two_losses"
    fallback = (
        "Two losses, X and Y: both rewards rise, and only one of the losses is DPPO's. The weight of "
        "one token in the second update of a batch tells which. It needs JavaScript."
    )

    guess = t.Enum(("", *LINES), "", help="The loss that a reader takes for DPPO's.")


def record(seeds: int = SEEDS) -> dict[str, Any]:
    """JSON-able, as `built/two_losses.data.json` holds it: of each loss the rewards of its batches,
    seed by seed; and of the first token of a batch of seed 0 its probabilities before DPPO's first
    update (`q`) and after it (`p`), and its advantage."""
    import torch

    import trlib
    from trbook.explorables.rare_batch import dppo
    from trbook.explorables.recording import drawn, updated
    from trlab.provenance import versions
    from trlib.advantages import group_relative
    from trlib.algorithms import Method

    task, policy = trlib.load_task("dial"), trlib.load_policy("dial")

    def rewards(line: str, seed: int) -> list[float]:
        method = type("Line", (Method,), {"formula": line})()
        learner = trlib.load_policy("dial")
        of_chapter: Any = {"prompts": 16, "group": 8, "epochs": 4, "lr": 1e-4, "progress": False}
        run = trlib.train(learner, task, method, seed=seed, steps=BATCHES, **of_chapter)
        return run.history["reward"].round(3).tolist()

    shown, batch, paid = drawn(policy, task, prompts=16, group=8, seed=0)
    advantages = group_relative(paid, batch.group, scale=None)
    moved = next(updated(policy, batch, advantages, [torch.arange(len(batch))], loss=dppo, lr=1e-3))
    q = batch.logp[0, 0].exp().item()
    return {
        "command": "python -m book.build.pack.packs two_losses",
        "versions": versions(),
        "lines": LINES,
        "rewards": {name: [rewards(line, k) for k in range(seeds)] for name, line in LINES.items()},
        "word": shown["words"][0][0],
        "q": round(q, 4),
        "p": round(q * moved[0].exp().item(), 4),
        "advantage": advantages[0].item(),
    }
