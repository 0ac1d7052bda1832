"""A whole training step of every objective against one of the plain policy gradient, alternating,
one thread.

    python -m benchmarks.objectives.run
        both sizes; writes benchmarks/objectives/run.json
    python -m benchmarks.objectives.run --rounds 10 --record ''      print only

`dial`: the shipped model, 256 completions of 16 tokens: forward, objective, backward, clipped AdamW
step. `dial, stale`: the same some updates later, so that a region has more to do.
`head`: 16 completions of 16 tokens at V = 49,152, width 576: output layer, objective, backward; the
body of a model would only add to both sides.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import torch
from torch import Tensor

from benchmarks.record import circumstances, finish, parser
from trlib import algorithms as a
from trlib import checks, load_policy, load_task, sample
from trlib.algorithms import Provided
from trlib.algorithms.method import Batch, Method, Scores
from trlib.model.completions import top_k

HERE = Path(__file__).parent
PLAIN = "policy gradient"
METHODS: dict[str, Method] = {
    PLAIN: a.PGIS(),
    "REINFORCE": a.REINFORCE(),
    "PPO": a.PPO(),
    "GRPO": a.GRPO(),
    "GSPO": a.GSPO(),
    "CISPO": a.CISPO(),
    "SAPO": a.SAPO(),
    "GMPO": a.GMPO(),
    "PSPO": a.PSPO(),
    "DPPO binary TV": a.DPPO(delta_tv=0.15),
    "DPPO binary KL": a.DPPO(delta_kl=0.05),
    "QUATRO": a.QUATRO(),
    "DPPO top-k TV": a.DPPO(measure="topk", k=20),
    "DPPO top-k KL": a.DPPO(delta_kl=0.05, measure="topk", k=20),
    "TROLL top-k": a.TROLL(top_k=64),
    "TROLL": a.TROLL(),
    "DPPO full TV": a.DPPO(measure="full"),
    "DPPO full KL": a.DPPO(delta_kl=0.05, measure="full"),
}
LIMITS = {
    "DPPO top-k TV": 15,
    "DPPO top-k KL": 15,
    "TROLL top-k": 15,
    "TROLL": 15,
    "DPPO full TV": None,
    "DPPO full KL": None,
}
"""Percent, 5 where not named; None: no limit was set."""


def batch_of(completions: Any, full_old: Tensor, rewards: Tensor) -> Batch:
    """Everything any method asks for, the old policy being both the sampler and the anchor."""
    logp = full_old.gather(-1, completions.tokens.unsqueeze(-1)).squeeze(-1)
    names = ("tokens", "mask", "forced", "group", "ended")
    return Batch(
        **{name: getattr(completions, name) for name in names},
        rewards=rewards,
        horizon=completions.tokens.shape[1],
        logp_rollout=logp,
        provided=Provided(logp_old=logp, full_anchor=full_old),
    )


def prepared(method: Method, batch: Batch, anchor: str) -> Batch:
    """The batch as the method's objective reads it."""
    ready, few = replace(method.prepare(batch), anchor=anchor), method.needs(anchor).topk_anchor
    return ready.plus(topk_anchor=top_k(batch.full_anchor, batch.tokens, few)) if few else ready


def loss_of(method: Method, scores: Scores, batch: Batch) -> Tensor:
    return method.loss(method.objective(scores, batch).per_token, batch)


def steps_on_dial(updates: int) -> tuple[dict[str, Callable[[], None]], dict[str, Any]]:
    """A step of every method, `updates` policy-gradient updates after the anchor (then the learning
    rate is 0)."""
    torch.manual_seed(0)
    policy, task = load_policy("dial", device="cpu"), load_task("dial")
    prompts = [p.text for p in task.prompts(16, seed=0)]
    completions = sample(policy, prompts, group=16, max_tokens=16, seed=0)
    # Random tokens after the end, so that all 256 x 16 positions count.
    tokens = torch.randint(3, policy.vocabulary, (256, 16))
    tokens[:, : completions.tokens.shape[1]][completions.mask] = completions.tokens[
        completions.mask
    ]
    every = torch.ones_like(tokens, dtype=torch.bool)
    completions = replace(
        completions, tokens=tokens, mask=every, forced=~every, logp=torch.zeros(256, 16)
    )
    with torch.no_grad():
        full_old = policy.score(completions, full=True).full
    assert full_old is not None
    rewards = torch.randint(0, 2, (len(completions),)).float()
    batch = batch_of(completions, full_old, rewards)
    optimizer = torch.optim.AdamW(policy.parameters, lr=3e-4, fused=True)

    def step(method: Method, prepared: Batch, full: bool) -> None:
        loss = loss_of(method, policy.score(completions, full=full), prepared)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(policy.parameters, 1.0)
        optimizer.step()

    for _ in range(updates):
        step(METHODS[PLAIN], METHODS[PLAIN].prepare(batch), False)
    for group in optimizer.param_groups:
        group["lr"] = 0.0
    return _steps(batch, step), _activity(batch, policy.score(completions, full=True))


def steps_on_a_head() -> tuple[dict[str, Callable[[], None]], dict[str, Any]]:
    """The output layer, the objective and both backwards, for hidden states and weights that need a
    gradient."""
    torch.manual_seed(0)
    rows, length, width, vocabulary = 16, 16, 576, 49_152
    hidden = torch.randn(rows, length, width)
    weight = (0.12 * torch.randn(vocabulary, width)).requires_grad_()
    with torch.no_grad():
        full_old = (hidden @ weight.T).log_softmax(-1)
        tokens = torch.distributions.Categorical(logits=full_old).sample()
    here = (hidden + 0.096 * torch.randn_like(hidden)).requires_grad_()
    every = torch.ones(rows, length, dtype=torch.bool)

    def scores() -> Scores:
        full = (here @ weight.T).log_softmax(-1)
        return Scores(full.gather(-1, tokens.unsqueeze(-1)).squeeze(-1), full)

    def step(method: Method, prepared: Batch, full: bool) -> None:
        here.grad = weight.grad = None
        loss_of(method, scores(), prepared).backward()

    completions = argparse.Namespace(
        tokens=tokens, mask=every, forced=~every, group=torch.arange(rows) // 4, ended=every[:, 0]
    )
    batch = batch_of(completions, full_old, torch.randint(0, 2, (rows,)).float())
    return _steps(batch, step), _activity(batch, scores())


def _steps(
    batch: Batch, step: Callable[[Method, Batch, bool], None]
) -> dict[str, Callable[[], None]]:
    return {
        name: partial(step, m, prepared(m, batch, m.anchor), m.needs(m.anchor).full)
        for name, m in METHODS.items()
    }


@torch.no_grad()
def _activity(batch: Batch, scores: Scores) -> dict[str, Any]:
    """How much the regions have to do: shares of the tokens."""
    troll = METHODS["TROLL"]
    projected = troll.objective(scores, troll.prepare(batch)).diagnostics["projected"]
    ppo = METHODS["PPO"]
    kept = ppo.objective(scores, ppo.prepare(batch)).diagnostics["kept"]
    return {
        "tokens": batch.mask.sum().item(),
        "vocabulary": batch.full_anchor.shape[-1],
        "projected_by_troll": round(projected.float().mean().item(), 3),
        "clipped_by_ppo": round(1 - kept.float().mean().item(), 3),
    }


def table(summary: dict[str, Any]) -> str:
    """The summary as a Markdown table."""
    sizes = list(summary)
    lines = [
        "| objective | limit | " + " | ".join(f"{size}: overhead" for size in sizes) + " |",
        "|---|---|" + "---|" * len(sizes),
    ]
    for name in METHODS:
        limit = LIMITS.get(name, 5)
        cells = []
        for size in sizes:
            found = summary[size]["objectives"][name]
            cells.append(
                f"{found['ms']:.1f} ms" if name == PLAIN else f"{100 * (found['ratio'] - 1):+.1f} %"
            )
        lines.append(
            f"| {name} | {'' if limit is None or name == PLAIN else f'{limit} %'} | "
            f"{' | '.join(cells)} |"
        )
    for size in sizes:
        c = summary[size]["circumstances"]
        lines.append(
            f"\n{size}: {c['tokens']} tokens, V = {c['vocabulary']:,}; TROLL projects "
            f"{100 * c['projected_by_troll']:.1f} % of them, PPO clips "
            f"{100 * c['clipped_by_ppo']:.1f} %."
        )
    return "\n".join(lines)


def alternate(
    contestants: Mapping[str, Callable[[], Any]], rounds: int, *, warm: int = 1
) -> dict[str, list[float]]:
    """Processor seconds of every call, by name, all once a round and in a rotating order, so that a
    disturbance hits all alike; the first `warm` rounds do not count."""
    names = list(contestants)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for count in range(-warm, rounds):
        shift = count % len(names)
        for name in names[shift:] + names[:shift]:
            began = time.process_time()
            contestants[name]()
            if count >= 0:
                seconds[name].append(time.process_time() - began)
    return seconds


def against(seconds: Mapping[str, list[float]], plain: str) -> dict[str, dict[str, float]]:
    """For every name: the median in ms, and the median over rounds of its ratio to `plain` in the
    same round."""
    return {
        name: {
            "ms": 1e3 * median(each),
            "ratio": median(a / b for a, b in zip(each, seconds[plain], strict=True)),
        }
        for name, each in seconds.items()
    }


def main() -> int:
    options = parser(__doc__, HERE / "run.json")
    options.add_argument("--size", choices=("dial", "head", "both"), default="both")
    options.add_argument(
        "--rounds", type=int, help="steps of every objective (default: 30 on dial, 7 on head)"
    )
    args = options.parse_args()
    record = circumstances()
    torch.set_num_threads(1)
    summary = {}
    sizes = (
        ("dial", lambda: steps_on_dial(1), 30),
        ("dial, stale", lambda: steps_on_dial(4), 30),
        ("head", steps_on_a_head, 7),
    )
    for size, make, rounds in sizes:
        if args.size in (size.split(",")[0], "both"):
            with checks.value_checks(True):
                steps, found = make()
                for step in steps.values():
                    step()
            with checks.value_checks(False):  # as the loop has it after its first batch
                seconds = alternate(steps, args.rounds or rounds)
            summary[size] = {"circumstances": found, "objectives": against(seconds, PLAIN)}
    return finish(args.record, record, table(summary), summary=summary)


if __name__ == "__main__":
    sys.exit(main())
