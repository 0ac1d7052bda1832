"""Scoring tokens in chunks of the vocabulary against whole logits: time and peak memory, one
thread.

    python -m benchmarks.objectives.scoring
        writes benchmarks/objectives/scoring.json
    python -m benchmarks.objectives.scoring --rounds 2 --record ''      print only

512 tokens of width 896; log-probs of the sampled tokens, entropy and the 20 most likely, at V =
49,152 and 151,936. Three uses: scoring alone, with the gradient in the hidden states (frozen output
weights, as with LoRA), and in the weights too. Times alternate in one process; the peak is that of
a process of its own above what it held before the call (the gradient of the weights included, which
both sides need).
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks.objectives.clock import against, alternate
from benchmarks.record import circumstances, finish, in_a_process, parser
from trbook.scale.scoring import score_tokens

HERE = Path(__file__).parent
TOKENS, WIDTH, TOP = 512, 896, 20
VOCABULARIES = (49_152, 151_936)
USES = {
    "score": "scoring alone",
    "hidden": "and gradient in the hidden states",
    "both": "and in the output weights",
}


def problem(vocabulary: int, use: str) -> tuple[Tensor, Tensor, Tensor]:
    """Hidden states, output weights (the same numbers again and again, which is quick to make) and
    tokens."""
    g = torch.Generator().manual_seed(0)
    hidden = torch.randn(TOKENS, WIDTH, generator=g)
    rows = 0.1 * torch.randn(4096, WIDTH, generator=g)
    weight = torch.cat([rows] * (vocabulary // 4096 + 1))[:vocabulary].contiguous()
    tokens = torch.randint(0, vocabulary, (TOKENS,), generator=g)
    return hidden.requires_grad_(use != "score"), weight.requires_grad_(use == "both"), tokens


def in_chunks(hidden: Tensor, weight: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    scores = score_tokens(hidden, weight, tokens, top_k=TOP)
    assert scores.top is not None
    return scores.logp, scores.entropy, scores.top.logp


def whole(hidden: Tensor, weight: Tensor, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    logp = (hidden @ weight.T).log_softmax(-1)
    with torch.no_grad():
        entropy = -torch.linalg.vecdot(logp.exp(), logp)
        top = logp.topk(TOP, -1).values
    return logp.gather(-1, tokens.unsqueeze(-1)).squeeze(-1), entropy, top


SIDES: dict[str, Callable[..., tuple[Tensor, Tensor, Tensor]]] = {
    "chunks": in_chunks,
    "whole": whole,
}


def call(side: str, hidden: Tensor, weight: Tensor, tokens: Tensor) -> None:
    hidden.grad = weight.grad = None
    logp, *_ = SIDES[side](hidden, weight, tokens)
    if logp.requires_grad:
        logp.sum().backward()


def peak(vocabulary: int, use: str, side: str) -> float:
    """MB that one call adds to this process at most (Linux)."""
    hidden, weight, tokens = problem(vocabulary, use)
    call(
        side,
        hidden[:2].detach().requires_grad_(use != "score"),
        weight[:64].detach(),
        tokens[:2] % 64,
    )
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak so far
    before = _status("VmRSS")
    call(side, hidden, weight, tokens)
    return (_status("VmHWM") - before) / 1024


def _status(key: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key))


def measure(rounds: int) -> list[dict[str, Any]]:
    rows = []
    for vocabulary in VOCABULARIES:
        for use in USES:
            data = problem(vocabulary, use)
            for ours, theirs in zip(in_chunks(*data), whole(*data), strict=True):
                torch.testing.assert_close(ours, theirs, atol=1e-4, rtol=1e-4)
            timed = against(
                alternate({side: partial(call, side, *data) for side in SIDES}, rounds), "whole"
            )
            line = f"benchmarks.objectives.scoring --peak {vocabulary} {use}"
            memory = {side: in_a_process(f"{line} {side}") for side in SIDES}
            rows.append(
                {
                    "vocabulary": vocabulary,
                    "use": use,
                    "seconds": {s: timed[s]["ms"] / 1e3 for s in SIDES},
                    "time_ratio": timed["chunks"]["ratio"],
                    "peak_mb": memory,
                    "memory_ratio": memory["chunks"] / memory["whole"],
                }
            )
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """The rows as a Markdown table."""
    lines = [
        "| vocabulary | use | time: chunks, whole logits | ratio | peak: chunks, whole logits | "
        "ratio |",
        "|---|---|---|---|---|---|",
    ]
    for r in rows:
        s, m = r["seconds"], r["peak_mb"]
        lines.append(
            f"| {r['vocabulary']:,} | {USES[r['use']]} | {s['chunks']:.2f} s, {s['whole']:.2f} s | "
            f"**{r['time_ratio']:.2f}** | {m['chunks']:.0f} MB, {m['whole']:,.0f} MB | "
            f"**{r['memory_ratio']:.3f}** |"
        )
    return "\n".join(lines)


def main() -> int:
    options = parser(__doc__, HERE / "scoring.json")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument(
        "--peak", nargs=3, metavar=("VOCABULARY", "USE", "SIDE"), help="print the peak of one call"
    )
    args = options.parse_args()
    torch.set_num_threads(1)
    if args.peak:
        print(json.dumps(peak(int(args.peak[0]), args.peak[1], args.peak[2])))
        return 0
    record = circumstances()
    rows = measure(args.rounds)
    return finish(args.record, record, table(rows), summary=rows)


if __name__ == "__main__":
    sys.exit(main())
