"""TROLL's projection against the same with 24 bisections in place of its search, alternating, one
thread.

    python -m benchmarks.objectives.projection
        writes benchmarks/objectives/projection.json
    python -m benchmarks.objectives.projection --rounds 5 --record ''      print only

Every token is outside the region (δ = .05), its logits a standard normal times .7 from the old
ones. Errors are of the projected KL, relative to δ. Both sides bracket t in [0, 1], return the
feasible end and compute the same besides: the bisection, too, works on blocks that fit the cache
(without that it takes up to four times as long).
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.objectives.clock import against, alternate
from benchmarks.record import circumstances, finish, parser
from trlib.algorithms import projection

HERE = Path(__file__).parent
DELTA = 0.05
SIZES = {
    "dial: 4,096 tokens x 260": (4096, 260),
    "top-k: 4,096 tokens x 65": (4096, 65),
    "64 tokens x 49,152": (64, 49_152),
}


def bisected(u: Tensor, lq: Tensor, passes: int = 24) -> tuple[Tensor, ...]:
    """What `projection.Geodesic` computes of a block, its t found by halving."""
    gap, lower, upper = u - lq, torch.zeros_like(u[:, 0]), torch.ones_like(u[:, 0])
    for _ in range(passes):
        t = (lower + upper) / 2
        logp = torch.addcmul(lq, gap, t.unsqueeze(-1)).log_softmax(-1)
        inside = logp.exp().mul_(logp.sub_(lq)).sum(-1) <= DELTA
        lower, upper = torch.where(inside, t, lower), torch.where(inside, upper, t)
    logp = torch.addcmul(lq, gap, lower.unsqueeze(-1)).log_softmax(-1)
    p, d = logp.exp(), logp - lq
    centred = d - torch.linalg.vecdot(p, d).unsqueeze(-1)
    return logp, (1 - lower) / lower, centred, torch.linalg.vecdot(p * centred, centred)


def contestants(
    tokens: int, outcomes: int, dtype: torch.dtype
) -> tuple[dict[str, Callable[[], Tensor]], Callable[[Tensor], Tensor]]:
    """The projection of the same tokens by either search, forward only, and the error of a
    result."""
    g = torch.Generator().manual_seed(0)
    logits = 3 * torch.randn(tokens, outcomes, generator=g)
    u, lq = (
        (logits + shift).log_softmax(-1).to(dtype)
        for shift in (0.7 * torch.randn(tokens, outcomes, generator=g), 0.0)
    )
    drift = projection.departure(u, lq)
    rows = projection.outside(drift[0], outcomes, DELTA)
    u, lq, drift = u[rows], lq[rows], drift[:, rows]

    def newton() -> Tensor:
        return projection.Geodesic.apply(u, lq, drift, DELTA)[0]

    def bisection() -> Tensor:
        return projection._in_blocks(bisected, u, lq)[0]

    def error(logp: Tensor) -> Tensor:
        return (logp.double().exp() * (logp.double() - lq.double())).sum(-1) / DELTA - 1

    return {"newton": newton, "bisection": bisection}, error


def measure(rounds: int) -> list[dict[str, Any]]:
    rows = []
    for size, (tokens, outcomes) in SIZES.items():
        for dtype in (torch.float32, torch.float64):
            both, error = contestants(tokens, outcomes, dtype)
            timed = against(alternate(both, rounds), "newton")
            errors = {name: error(search()) for name, search in both.items()}
            rows.append(
                {
                    "size": size,
                    "type": str(dtype).removeprefix("torch."),
                    "tokens": len(errors["newton"]),
                    "ms": {name: timed[name]["ms"] for name in both},
                    "faster": timed["bisection"]["ratio"],
                    "median_error": {name: e.abs().median().item() for name, e in errors.items()},
                    "largest_excess": {name: e.max().item() for name, e in errors.items()},
                }
            )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| size | type | Newton | 24 bisections | faster | median error of the KL | largest "
        "excess over δ |",
        "|---|---|---|---|---|---|---|",
    ]
    for r in rows:
        error, excess = r["median_error"], r["largest_excess"]
        lines.append(
            f"| {r['size']} | {r['type']} | {r['ms']['newton']:.1f} ms | "
            f"{r['ms']['bisection']:.1f} ms | **{r['faster']:.1f}** | {error['newton']:.0e}, "
            f"{error['bisection']:.0e} | {excess['newton']:+.0e}, {excess['bisection']:+.0e} |"
        )
    return "\n".join(lines)


def main() -> int:
    options = parser(__doc__, HERE / "projection.json")
    options.add_argument("--rounds", type=int, default=25)
    args = options.parse_args()
    record = circumstances()
    torch.set_num_threads(1)
    rows = measure(args.rounds)
    return finish(args.record, record, table(rows), summary=rows)


if __name__ == "__main__":
    sys.exit(main())
