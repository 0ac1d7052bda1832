"""prime-rl's token export (schema 1): JSON lines, one of the trainer's sequences in each, prompt
and completion in one.

Its trainer writes `token_exports/step_N/rank_K.jsonl` where `trainer.enable_token_export` is set.
Lists with a value for every token: `token_ids`, `loss_mask`, `advantages`, `inference_logprobs`,
`trainer_logprobs`, in some versions `rewards`, and more that nothing is made of here. A float that
is not finite is null.

The prompt is cut off: a completion begins with the first token that the loss counts. Equal prompts
are one group: the export does not name it. A token of any other loss than policy gradient is
masked: `rl_weights` is 0 there, or `losses`, which another version of the schema has instead, does
not count it for "rl".

Source: `src/prime_rl/trainer/rl/token_export.py` of PrimeIntellect-ai/prime-rl, pull requests 2592
and 2596.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from trcheck.diagnose.sampling import Sampling

SCHEMA = 1
NAMES = {
    "tokens": "token_ids",
    "logp": "trainer_logprobs",
    "logp_rollout": "inference_logprobs",
    "advantage": "advantages",
    "mask": "loss_mask",
}
"""Our name of a column -> the export's."""
SAMPLING = Sampling(logprobs="processed", source="by prime-rl's default")
"""It sets vLLM to processed log-probs; the export says neither that nor the temperature."""


def is_export(row: Any) -> bool:
    """Whether a line is of such an export."""
    return {"schema_version", "trainer_logprobs", "inference_logprobs"} <= set(row)


def columns(
    rows: Sequence[tuple[int, Mapping[str, Any]]], where: str
) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    """The columns that a diagnosis reads, under the export's names, with `group` and `reward`; and
    the others' names.

    Raises:
        ValueError: another schema, a line without one of the fields, lists of unequal length.
    """
    lists: dict[str, list[Any]] = {name: [] for name in (*NAMES.values(), "group", "reward")}
    for line, row in rows:
        _check(row, f"{where!r}, line {line}")
        mask = row["loss_mask"]
        first = mask.index(True) if True in mask else 0
        counted = {**row, "loss_mask": _policy_gradient(row)}
        for name in NAMES.values():
            lists[name].append(counted[name][first:])
        lists["group"].append(" ".join(map(str, row["token_ids"][:first])))
        lists["reward"].append(
            next((r for r in row.get("rewards", ())[first:] if r is not None), None)
        )
    if None in lists["reward"]:
        del lists["reward"]
    read = {*NAMES.values(), "rewards", "losses", "rl_weights", "schema_version"}
    return lists, tuple(dict.fromkeys(name for _, row in rows for name in row if name not in read))


def _check(row: Mapping[str, Any], where: str) -> None:
    if row.get("schema_version") != SCHEMA:
        raise ValueError(
            f"{where}: schema_version: expected {SCHEMA} of prime-rl's token export, got "
            f"{row.get('schema_version')!r}"
        )
    for name in (*NAMES.values(), *(name for name in ("rl_weights", "losses") if row.get(name))):
        values = row.get(name)
        if not isinstance(values, list):
            raise ValueError(
                f"{where}: {name}: expected a list as in prime-rl's token export, got "
                f"{type(values).__name__ if name in row else 'no such field'}"
            )
        if len(values) != len(row["token_ids"]):
            raise ValueError(
                f"{where}: {name}: expected {len(row['token_ids'])} values, as many as in "
                f"token_ids, got {len(values)}"
            )


def _policy_gradient(row: Mapping[str, Any]) -> list[Any]:
    """The tokens of the policy-gradient loss: all of the mask where the export knows of no other
    loss."""
    if row.get("losses"):
        return [bool(each.get("rl", {}).get("mask", False)) for each in row["losses"]]
    weights = row.get("rl_weights") or [None] * len(row["loss_mask"])  # null: the default, 1
    return [keep and weight != 0 for keep, weight in zip(row["loss_mask"], weights, strict=True)]
