"""Running a cell: train, evaluate, and what of it a record keeps."""

from __future__ import annotations

import gc
import hashlib
import json
import math
import os
import time
import warnings
from bisect import bisect_left
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from trlab.cell import ADDED_LATER, Cell
from trlab.cell_id import make

if TYPE_CHECKING:
    from torch import Tensor

    from trlib.model.policy import Policy

TIMINGS = ("seconds", "tokens_per_s")
"""Columns of a history that no seed decides."""


def run(cell: Cell) -> dict[str, Any]:
    """Train and evaluate: `values` by column, `history` by metric and batch, both as JSON holds
    them.

    The digest is of every number that the seed decides, to the last bit.
    """
    import torch

    from trlab.aside import COLUMNS, with_heldout_columns
    from trlab.texts import KeepingTask
    from trlib.evaluation import evaluate
    from trlib.loop.metrics import METRICS
    from trlib.loop.train import train
    from trlib.tasks import load_task

    torch.set_num_threads(1)
    policy = _loaded(cell.policy, json.dumps(cell.load, sort_keys=True))
    task = load_task(cell.task, **cell.knobs)
    if policy.device.type == "cuda":
        _repeatable()
    # A worker's imports and the loading are not the method's.
    began, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a batch of equal rewards is no news in a sweep
        method = make(cell.method, cell.settings)
        asked: Any = KeepingTask(task) if cell.texts else task
        if cell.aside:
            method = with_heldout_columns(method, task, cell.every)
        done = train(
            policy,
            asked,
            method,
            steps=cell.steps,
            seed=cell.seed,
            progress=False,
            **cell.train,
        )
        if done.interrupted:
            raise KeyboardInterrupt
        taken = {"seconds": time.perf_counter() - began, "cpu_seconds": time.process_time() - cpu}
        seed = cell.seed if cell.common is None else cell.common
        scores = evaluate(policy, task, prompts=cell.prompts, samples=cell.samples, seed=seed)
    # A record's columns are the metrics, whatever a method shows of them and keeps in its memory
    # beside them.
    names = [name for name in (*METRICS, *(COLUMNS if cell.aside else ())) if name not in TIMINGS]
    history = {name: [row.get(name, math.nan) for row in done.rows] for name in names}
    values: dict[str, Any] = {
        "sampled": scores.sampled.value,
        "sampled_low": scores.sampled.low,
        "sampled_high": scores.sampled.high,
        "greedy": scores.greedy.value,
        "pass_at_most": scores.pass_at[max(scores.pass_at)].value,
        "distinct": scores.distinct.value,
        "reward": _mean(history["reward"][-5:]),
        "length": history["length"][-1],
        "entropy": history["entropy"][-1],
        "kl": _mean(history["kl"]),
        "kl_seq_back": _mean(history["kl_seq_back"]),
        "tv_max": _largest(history["tv_max"]),
        "kept": _mean(history["kept"]),
        "ratio_max": _largest(history["ratio_max"]),
    }
    first = {
        name: column for name, column in history.items() if name not in (*ADDED_LATER, *COLUMNS)
    }
    digest = hashlib.blake2b(
        json.dumps([values, first], sort_keys=True).encode(), digest_size=6
    ).hexdigest()
    values |= _by_difficulty(done.prompt_rows)
    values["best_of_most"] = float(scores.prompts["best"].mean())
    if isinstance(asked, KeepingTask):
        size = done.settings["prompts"] * done.settings["group"]
        values["texts"] = asked.as_json(size, cell.texts)
    history = {name: column[:: cell.every] for name, column in history.items()}
    return {"values": {**values, **taken, "digest": digest}, "history": history}


def _loaded(name: str, settings: str) -> Policy:
    """The policy as it is loaded. A worker reads a large one, which takes seconds, only once."""
    policy, state = _read(name, settings)
    policy.load_state(state)
    return policy


@lru_cache(maxsize=1)
def _read(name: str, settings: str) -> tuple[Policy, dict[str, Tensor]]:
    from trlib.model.policy import load_policy

    policy = load_policy(name, **json.loads(settings))
    return policy, policy.state()


def _repeatable() -> None:
    """On a GPU: the same numbers in every run on the same card, and products of matrices in TF32,
    as training there does them."""
    import torch

    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)  # some operations have one way only
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_float32_matmul_precision("high")
    gc.collect()  # what the run before it left
    torch.cuda.empty_cache()


def _by_difficulty(rows: list[dict[str, Any]]) -> dict[str, float]:
    """Mean realised KL of the prompts of each kind: by the share of their group that was right."""
    names = ADDED_LATER[:5]
    distances: dict[str, list[float]] = {name: [] for name in names}
    for row in rows:
        share = row["reward"]
        if math.isnan(share):  # an expert began every completion
            continue
        kind = bisect_left((0.0, 0.25, 0.75), share) if share < 1 else 4
        distances[names[kind]].append(row["kl_seq_back"])
    return {name: _mean(values) for name, values in distances.items()}


def _mean(values: list[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return sum(known) / len(known) if known else math.nan


def _largest(values: list[float]) -> float:
    return max((v for v in values if not math.isnan(v)), default=math.nan)
