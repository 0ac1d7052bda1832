"""The tables of the recorded runs on the pages of questions: which of them can be told from a healthy
one, and the numbers of the healthy ones, key by key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from book.build.markdown import table

ENDS = 10  #: Lines at each end over which a mean is taken, at most half of them.
KEYS = {
    "reward": ("mean reward", "critic/score/mean", "rollout/reward_mean", "reward/all/mean"),
    "reward_std": ("spread of rewards", "", "rollout/reward_std", "reward/all/std"),
    "frac_reward_zero_std": ("groups with equal rewards", "", "", "*left out of the batch*"),
    "completions/mean_length": (
        "tokens of a completion",
        "response_length/mean",
        "rollout/response_length_mean",
        "seq_len/all/mean (with the prompt)",
    ),
    "completions/clipped_ratio": (
        "completions cut at the limit",
        "response_length/clip_ratio",
        "rollout/truncated_rate",
        "is_truncated/all/mean",
    ),
    "entropy": (
        "entropy, nats per token",
        "actor/entropy",
        "entropy_loss",
        "entropy/all/mean",
    ),
    "grad_norm": ("gradient norm", "actor/grad_norm", "actor_grad_norm", "optim/grad_norm"),
    "clip_ratio/region_mean": (
        "clipped tokens",
        "actor/pg_clipfrac",
        "ppo_clip_ratio",
        "masked_advantage_positive/mean, masked_advantage_negative/mean",
    ),
    "kl": ("KL to the reference, nats per token", "actor/kl_loss", "kl", ""),
    "": ("KL of a batch", "actor/ppo_kl", "ppo_kl", ""),
    "sampling/sampling_logp_difference/mean": (
        "sampler against learner",
        "rollout_corr/k3_kl",
        "vllm_kl",
        "mismatch_kl/all/mean",
    ),
}
"""What a key of TRL measures, and what verl, OpenRLHF and prime-rl call it."""


def usual(_: str) -> str:
    """Each key, and the smallest and largest mean of the first and of the last updates of the healthy
    runs, by what they do."""
    from trcheck.diagnose import alike, log

    by_cause: dict[str, list[list[dict[str, float]]]] = {}
    for run in alike.rows():
        if run[0]["kind"] == "healthy":
            by_cause.setdefault(run[0]["cause"], []).append(run[1:])

    def range_(found: Iterable[float]) -> str:
        low, high = log.shown(float(f"{min(found):.2g}")), log.shown(float(f"{max(found):.2g}"))
        return low if low == high else f"{low} to {high}"

    def cell(runs: list[list[dict[str, float]]], key: str) -> str:
        series = [[row[key] for row in rows if key in row] for rows in runs]
        if not any(series):
            return "–"
        ends = [min(ENDS, len(values) // 2) for values in series]
        first = range_([mean(one[:end]) for one, end in zip(series, ends, strict=True)])
        last = range_([mean(one[-end:]) for one, end in zip(series, ends, strict=True)])
        return first if first == last else f"{first}, then {last}"

    head = ["what it measures", "TRL", "verl", "OpenRLHF", "prime-rl", *by_cause]
    return table(
        head,
        [
            [
                name,
                *(code(one) for one in (key, *theirs)),
                *(cell(r, key) for r in by_cause.values()),
            ]
            for key, (name, *theirs) in KEYS.items()
        ],
    )


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def code(names: str) -> str:
    """Names as code; what is no name, in parentheses or between asterisks, as it is."""
    if not names or names.startswith("*"):
        return names.strip("*") or "–"
    name, _, note = names.partition(" (")
    marked = ", ".join(f"`{one}`" for one in name.split(", "))
    return f"{marked} ({note}" if note else marked


def told(_: str) -> str:
    """The recorded runs: what no healthy one does, and what is said of each beside all the others."""
    from trcheck.diagnose import alike

    recorded = alike.runs()
    shared = alike.signs(recorded)
    said: dict[str, Counter[str]] = {}
    for run in recorded:
        others = [other for other in recorded if other is not run]
        named = {other.cause for other in alike.against(run.words, others).runs}
        outcome = (
            "none"
            if not named
            else "this cause"
            if named == {run.cause}
            else "this cause and another"
            if run.cause in named
            else "another cause"
        )
        said.setdefault(run.cause, Counter())[outcome] += 1

    def row(cause: str) -> list[str]:
        healthy = cause not in shared
        odd = (
            [] if healthy else [k for k in shared[cause] if k in alike.odd(shared[cause], recorded)]
        )
        signs = "healthy" if healthy else alike.listed(odd, shared[cause]) or "**none**"
        verdicts = ", ".join(f"{what} ({count})" for what, count in said[cause].items())
        return [cause, str(said[cause].total()), signs, verdicts]

    order = sorted(said, key=lambda cause: cause in shared)
    head = ["what the runs have", "seeds", "what no healthy run does", "named beside the others"]
    return table(head, list(map(row, order)))


MAKERS: dict[str, Callable[[str], str]] = {"usual-keys": usual, "runs-told": told}
