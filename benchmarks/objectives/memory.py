"""Peak memory of losses of whole distributions, in tensors of the size of one.

    python -m benchmarks.objectives.memory
        writes benchmarks/objectives/memory.json

64 tokens x 150,000 outcomes, float32, on the CPU, value checks on: what a loss and its gradient in
the policy's log-probs hold at most, as torch's profiler counts it. `plain` is the formula as it is
written, without mask or checks.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from itertools import accumulate
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.profiler import ProfilerActivity, profile

from benchmarks.record import circumstances, finish, parser
from trlib.algorithms import center_scores, weighted_loss
from trlib.algorithms.centering import WEIGHTS
from trlib.algorithms.kl_penalty import token_kl
from trlib.divergences import kl

HERE, SHAPE = Path(__file__).parent, (8, 8, 150_000)
IDS, ONES = torch.arange(64).view(SHAPE[:2]), torch.ones(SHAPE[:2])
GIVEN: dict[str, Any] = {"advantages": ONES, "mask": ONES > 0}


def of(full: Tensor) -> Tensor:
    """The sampled tokens' log-probs."""
    return full.gather(-1, IDS.unsqueeze(-1)).squeeze(-1)


def centered(new: Tensor, old: Tensor, weight: Any) -> Tensor:
    loss = weighted_loss(of(new), of(old), weight=weight, **GIVEN)
    return center_scores(loss, new, old, tokens=IDS, weight=weight, **GIVEN).per_token


LOSSES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "centered scores, plain": lambda new, old: -of(new) + torch.linalg.vecdot(old.exp(), new),
    **{f'`center_scores`, "{name}"': partial(centered, weight=name) for name in WEIGHTS},
    "`token_kl` from the old policy": lambda new, old: token_kl(old, new, mask=ONES > 0),
    "`token_kl` from the new policy": lambda new, old: token_kl(new, old, mask=ONES > 0),
    "`divergences.kl`": lambda new, old: kl(old, new),
}


def peak(loss: Callable[[Tensor, Tensor], Tensor]) -> float:
    """Tensors [T, V] that a loss and its gradient hold at most, beside what they are given."""
    draw = torch.Generator().manual_seed(0)
    new, old = (torch.randn(SHAPE, generator=draw).log_softmax(-1) for _ in range(2))
    new.requires_grad_()
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        loss(new, old).sum().backward()
    events = [e for e in seen.profiler.kineto_results.events() if e.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    return max(accumulate(event.nbytes() for event in events)) / (4 * new.numel())


def table(rows: dict[str, float]) -> str:
    """The rows as a Markdown table."""
    lines = [f"| {name} | {tensors:.1f} |" for name, tensors in rows.items()]
    return "\n".join(["| loss | tensors |", "|---|---|", *lines])


def main() -> int:
    args, record = parser(__doc__, HERE / "memory.json").parse_args(), circumstances()
    torch.set_num_threads(1)
    rows = {name: peak(loss) for name, loss in LOSSES.items()}
    return finish(args.record, record, table(rows), summary=rows)


if __name__ == "__main__":
    sys.exit(main())
