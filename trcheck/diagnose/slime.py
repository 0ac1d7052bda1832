"""slime's and miles' training dump (`--save-debug-train-data`): a file for each rank, written by
`torch.save`.

Its `rollout_data` holds a list with an entry for every completion: `tokens` (prompt and completion
in one), `response_lengths`, `loss_masks`, `log_probs`, `rollout_log_probs`, `advantages` and
`rewards`. The trainer recomputes `log_probs` before its updates, so here they are π as well as
π_old: such a file shows the mismatch and no staleness. Equal prompts are one group.

Source: `slime/utils/train_dump_utils.py` of THUDM/slime.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

NAMES = {
    "logp": "log_probs",
    "logp_old": "log_probs",
    "logp_rollout": "rollout_log_probs",
    "advantage": "advantages",
    "mask": "loss_masks",
    "reward": "rewards",
}
"""Our name of a column -> the dump's."""
READ = {*NAMES.values(), "tokens", "response_lengths"}


def is_dump(data: Any) -> bool:
    """Whether a loaded file is such a dump."""
    return isinstance(data, Mapping) and isinstance(data.get("rollout_data"), Mapping)


def columns(data: Mapping[str, Any], where: str) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    """The columns that a diagnosis reads, under the dump's names, with `tokens` and `group`; and
    the others' names.

    Raises:
        ValueError: a field that a diagnosis needs is missing, or not a list with an entry for every
            completion.
    """
    rollouts = data["rollout_data"]
    lists: dict[str, list[Any]] = {}
    for name in dict.fromkeys(NAMES.values()):
        values = rollouts.get(name)
        if values is None:
            if name == "rewards":
                continue
            raise ValueError(
                f"{where}: rollout_data: expected {name!r} as in slime's training dump, got "
                f"{', '.join(rollouts)}"
            )
        lists[name] = _entries(values, name, where)
    count = len(lists["log_probs"])
    for name, rows in lists.items():
        if len(rows) != count:
            raise ValueError(
                f"{where}: {name}: expected {count} completions, as many as in log_probs, got "
                f"{len(rows)}"
            )
    if "rewards" in lists and any(isinstance(reward, list | dict) for reward in lists["rewards"]):
        del lists["rewards"]  # several rewards a completion, of which none is the reward
    if "tokens" in rollouts:
        tokens = _entries(rollouts["tokens"], "tokens", where, lists=True)
        lengths = [len(row) for row in lists["log_probs"]]
        pairs = list(zip(tokens, lengths, strict=True))
        lists["tokens"] = [row[len(row) - n :] for row, n in pairs]
        lists["group"] = [" ".join(map(str, row[: len(row) - n])) for row, n in pairs]
    return lists, tuple(name for name in rollouts if name not in READ)


def _entries(values: Any, name: str, where: str, lists: bool = False) -> list[Any]:
    """A field's values as lists and numbers."""
    made = plain(values)
    made = [plain(value) for value in made] if isinstance(made, list | tuple) else made
    lists = lists or name in ("log_probs", "rollout_log_probs")
    if not isinstance(made, list) or (lists and not all(isinstance(x, list) for x in made)):
        raise ValueError(
            f"{where}: {name}: expected a list with {'a list' if lists else 'an entry'} for every "
            f"completion, got {type(values).__name__}"
        )
    return made


def plain(value: Any) -> Any:
    """A tensor or an array as a list or a number."""
    return value.tolist() if hasattr(value, "tolist") else value
