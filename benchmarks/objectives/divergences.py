"""Divergences over a whole vocabulary beside the log-softmax that they follow, alternating, one
thread.

    python -m benchmarks.objectives.divergences
        writes benchmarks/objectives/divergences.json
    python -m benchmarks.objectives.divergences --rounds 5 --record ''      print only

In blocks (`trlib.terms`) and in one piece, float32, value checks on in blocks; `backward` asks for
the gradient in the first argument. The second distribution's logits are a standard normal times .3
from the first's.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.objectives.clock import against, alternate
from benchmarks.record import circumstances, finish, parser
from trlib.divergences import kl, topk_kl, tv
from trlib.terms import whole

HERE = Path(__file__).parent
SIZES = {"16 tokens x 150,000": (16, 150_000), "64 tokens x 49,152": (64, 49_152)}
PLAIN = "log-softmax"


def contestants(tokens: int, outcomes: int) -> dict[str, Callable[[], Any]]:
    draw = torch.Generator().manual_seed(0)
    logits, step = (torch.randn(tokens, outcomes, generator=draw) for _ in range(2))
    logits = 3 * logits
    a, b = logits.log_softmax(-1), (logits + 0.3 * step).log_softmax(-1)
    likely, leaf = a.topk(64), a.clone().requires_grad_()

    def both(divergence: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        return torch.autograd.grad(divergence(leaf, b).sum(), leaf)[0]

    rules = {"KL": kl, "TV": tv, "KL in one piece": partial(whole, "kl")}
    found: dict[str, Callable[[], Any]] = {PLAIN: partial(logits.log_softmax, -1)}
    for name, rule in rules.items():
        found |= {name: partial(rule, a, b), f"{name}, and backward": partial(both, rule)}
    return found | {"KL of the 64 likeliest": partial(topk_kl, *likely, b)}


def measure(rounds: int) -> list[dict[str, Any]]:
    return [
        {"size": size, "tokens": sides[0], **against(alternate(contestants(*sides), rounds), PLAIN)}
        for size, sides in SIZES.items()
    ]


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table: a column for each size."""
    lines = [
        "| | " + " | ".join(row["size"] for row in rows) + " |",
        "|---|" + "---|" * len(rows),
    ]
    for name in (key for key in rows[0] if key not in ("size", "tokens")):
        cells = [
            f"{row[name]['ms'] / row['tokens']:.2f} ms a token"
            if name == PLAIN
            else f"{row[name]['ratio']:.1f}"
            for row in rows
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    options = parser(__doc__, HERE / "divergences.json")
    options.add_argument("--rounds", type=int, default=15)
    args = options.parse_args()
    record = circumstances()
    torch.set_num_threads(1)
    rows = measure(args.rounds)
    return finish(args.record, record, table(rows), summary=rows)


if __name__ == "__main__":
    sys.exit(main())
