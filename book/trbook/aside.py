"""How much of what a batch promises is luck? Completions of the same policy and prompts, put aside,
show it.

Of every group of 16 completions a policy learns from 8 and never from the others. After each update
both halves say how much better the policy has become:

    promised gain = mean over completions of Σ_t (r_t - 1) A,
        r_t = π(y_t)/μ(y_t), A = R - mean R of the half's group

Both halves are equally old, so age harms both alike. What the trained half promises beyond the
other is refitting: the policy has learned its luck.

Known beforehand: the first batch of seed 1, where the gap grows with every update, to .65 against
.46. Predicted before the run, at a learning rate of 1e-4 and without a region: (1) the trained half
promises more from the second update on; (2) the gap grows to the sixteenth; (3) the half put aside
promises less after sixteen updates than it did at its best; (4) with PPO's clip the gap is smaller.

`python -m trbook.aside` makes the record, in a few minutes.
"""

from __future__ import annotations

import json
import platform
from dataclasses import dataclass, replace
from importlib.metadata import version

import torch
from torch import Tensor

import trlib
from trlab.questions import RECORDS
from trlib.algorithms import Batch, Method, Scores, TokenLoss, pg_is_loss, ppo_loss

RECORD = RECORDS / "aside" / "dial.json"
GROUP, USES, STEPS, LR = 16, 16, 8, 1e-4
METHODS = {"no region": False, "PPO": True}
SEEDS = range(1200, 1208)


@dataclass(frozen=True, kw_only=True)
class HalfAside(Method):
    """Learns from the first half of every group, and keeps in its memory what both halves promise
    at every update."""

    clip: bool = False
    """PPO's clip; else the importance-weighted policy gradient, without a region."""

    def prepare(self, batch: Batch) -> Batch:
        """Advantages of each half on its own; the memory counts its updates from 0 again."""
        batch.memory["update"] = 0
        halves = batch.rewards.view(-1, 2, GROUP // 2)
        advantages = (halves - halves.mean(-1, keepdim=True)).flatten()
        return replace(batch, advantages=advantages[:, None] * batch.mask)

    def objective(self, scores: Scores, batch: Batch) -> TokenLoss:
        """Twice the loss of the trained half, so that its mean over all tokens is about its mean
        over its own."""
        assert batch.advantages is not None
        trained = (torch.arange(len(batch.rewards)) % GROUP < GROUP // 2)[:, None]
        ratio = (scores.logp.detach() - batch.logp_anchor).exp()
        promised = ((ratio - 1) * batch.advantages * batch.mask).sum(1)
        update = int(batch.memory["update"])
        batch.memory[f"trained_{update}"] = promised[trained[:, 0]].mean().item()
        batch.memory[f"aside_{update}"] = promised[~trained[:, 0]].mean().item()
        batch.memory["update"] = update + 1
        credit = {"advantages": 2 * batch.advantages * trained, "mask": batch.mask}
        loss = ppo_loss if self.clip else pg_is_loss
        return loss(scores.logp, batch.logp_anchor, **credit)


def promises(*, clip: bool, seed: int, steps: int = STEPS) -> Tensor:
    """[steps, USES, 2]: what the trained half and the other promise before each update of each
    batch of one run."""
    run = trlib.train(
        trlib.load_policy("dial"),
        trlib.load_task("dial"),
        HalfAside(clip=clip),
        steps=steps,
        seed=seed,
        prompts=16,
        group=GROUP,
        epochs=USES,
        lr=LR,
        progress=False,
    )
    columns = [[f"{half}_{update}" for half in ("trained", "aside")] for update in range(USES)]
    return torch.tensor([[[row[name] for name in pair] for pair in columns] for row in run.rows])


def record() -> dict[str, object]:
    """What every method promises with every seed, and how that was made."""
    torch.set_num_threads(1)
    return {
        "command": "python -m trbook.aside",
        "task": "dial",
        "settings": {"prompts": 16, "group": GROUP, "epochs": USES, "steps": STEPS, "lr": LR},
        "versions": {name: version(name).split("+")[0] for name in ("torch", "transformers")},
        "hardware": f"{platform.machine()} CPU, one thread",
        "promises": {
            method: {
                str(seed): [
                    [[round(value, 5) for value in pair] for pair in batch]
                    for batch in promises(clip=clip, seed=seed).tolist()
                ]
                for seed in SEEDS
            }
            for method, clip in METHODS.items()
        },
    }


if __name__ == "__main__":
    RECORD.write_text(json.dumps(record(), separators=(",", ":")) + "\n", encoding="utf-8")
