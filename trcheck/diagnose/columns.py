"""A table's columns by our names, as flat arrays in the order of completions; every fault is named
here."""

from __future__ import annotations

import difflib
import re
from typing import Any

import numpy as np

from trcheck.diagnose.names import (
    ALIASES,
    AREAL,
    BY_COMPLETION,
    BY_TOKEN,
    LOGS,
    OPTIONAL,
    REQUIRED,
    SUMMED,
)


class Columns:
    """A table of N tokens in B completions, read column by column under our names."""

    def __init__(
        self, source: str, table: Any, names: dict[str, str], files: np.ndarray | None = None
    ) -> None:
        """`files`: [rows] which file a row comes from; None: there is one file."""
        import pyarrow as pa

        self.types: Any = pa.types
        self.source, self.table, self.names, self.files = source, table, dict(names), files
        self.used: set[str] = set()
        known = {*REQUIRED, *OPTIONAL}
        for ours, theirs in names.items():
            if ours not in known:
                raise ValueError(
                    f"columns: expected one of {', '.join(sorted(known))}, got {ours!r}"
                )
            if theirs not in table.column_names:
                raise self._missing(theirs, ours)
        for name in sorted({self._name(ours) for ours in known}):
            if (times := table.column_names.count(name)) > 1:
                raise ValueError(
                    f"column {name!r}: expected once in {source!r}, got it {times} times"
                )
        self.recognised = self._recognise(set(names.values()))
        for name in REQUIRED:
            if not self.has(name):
                raise self._missing(name, name)
        if self._is_list(self._kind("logp")):
            self.layout = "completion"
            self.count, self.sizes = table.num_rows, self._sizes("logp")
            self.owner = np.repeat(np.arange(self.count), self.sizes)
            self.order = np.arange(len(self.owner))
        else:
            self.layout = "token"
            self._sort()

    def _recognise(self, taken: set[str]) -> tuple[tuple[str, str], ...]:
        """Other libraries' names of the columns that are missing, taken for ours."""
        found, lists = dict(self.names), self.has("logp") and self._is_list(self._kind("logp"))
        theirs = self.table.column_names
        if {*AREAL} <= set(theirs) and not {"logp_rollout", "logp"} & {*self.names, *theirs}:
            self.names["logp_rollout"] = found["logp_rollout"] = "logprobs"
            taken.add("logprobs")
        for ours, theirs in ALIASES.items():
            if self.has(ours):
                continue
            for name in theirs:
                if (
                    self.table.column_names.count(name) == 1
                    and name not in taken
                    and self._fits(ours, name, lists)
                ):
                    self.names[ours] = found[ours] = name
                    taken.add(name)
                    lists = lists or (ours in BY_TOKEN and self._is_list(self._kind(ours)))
                    break
        # Before its updates the learner is the learner.
        if not self.has("logp") and self.has("logp_old"):
            self.names["logp"] = found["logp"] = self._name("logp_old")
        return tuple(found.items())

    def _fits(self, ours: str, name: str, lists: bool) -> bool:
        kind = self.table.schema.field(name).type
        listed = self._is_list(kind)
        if ours in BY_COMPLETION:
            if ours in SUMMED and listed:
                return lists and self._is_number(kind.value_type)
            if ours == "prompt" and listed:
                return lists and self.types.is_integer(kind.value_type)
            return not listed and (ours != "reward" or self._is_number(kind))
        if ours == "tokens":
            return (
                listed == lists
                and self._is_list(self._kind("logp_rollout")) == listed
                and self._as_long(name)
            )
        return True

    def _as_long(self, name: str) -> bool:
        """Whether a column's lists are as long as those of the sampler's log-probs: others hold the
        prompt as well."""
        if not self._is_list(self._kind("logp_rollout")):
            return True
        import pyarrow.compute as pc

        one, other = (
            self.table.column(each).chunk(0) for each in (name, self._name("logp_rollout"))
        )
        return bool(
            pc.all(pc.equal(pc.list_value_length(one), pc.list_value_length(other))).as_py()
        )

    # -- shape

    def has(self, name: str) -> bool:
        return self._name(name) in self.table.column_names

    def _sort(self) -> None:
        kind = self._kind("logp")
        if self._is_text(kind):
            first = next((x for x in self._column("logp").to_pylist() if x), "")
            raise TypeError(
                f"column {self._name('logp')!r}: expected lists of numbers, or a number per row, got "
                f"texts such as {first[:30]!r}"
            )
        if not self.has("completion"):
            raise self._missing(
                "completion",
                "completion",
                "; with one row per token it says which rows are one "
                "completion (with one row per completion, 'logp' holds lists)",
            )
        owner = self._distinct("completion", self._column("completion"), "row")
        if self.files is not None:  # every rank counts its completions from 0
            owner = _factorized(owner * (int(self.files.max()) + 1) + self.files)
        where = np.arange(self.table.num_rows)
        if self.has("position"):
            where = self._numbers("position", self._column("position"))
        self.order = np.lexsort((where, owner))
        self.owner, self.count = owner[self.order], int(owner.max()) + 1
        self.first = np.flatnonzero(np.diff(self.owner, prepend=-1))

    def _sizes(self, name: str) -> np.ndarray:
        import pyarrow.compute as pc

        column = self._column(name)
        if column.null_count:
            raise ValueError(
                f"column {self._name(name)!r}: expected a list in every row, got none in row "
                f"{_first(column.is_null().to_numpy(zero_copy_only=False))}"
            )
        return np.asarray(pc.list_value_length(column), dtype=np.int64)

    def place(self, index: int) -> str:
        """Where in the file a token stands."""
        if self.layout == "token":
            return f"row {int(self.order[index])}"
        row = int(self.owner[index])
        return f"row {row}, position {index - int(self.sizes[:row].sum())}"

    # -- values

    def mask(self) -> np.ndarray:
        values = self._flat("mask", "booleans")
        name = self._name("mask")
        numbers = self._numbers("mask", values, booleans=True)[self.order]
        odd = ~np.isin(numbers, (0, 1))
        if odd.any():
            i = _first(odd)
            raise ValueError(
                f"column {name!r}: expected True or False (or 1 and 0), got {numbers[i]:g} at "
                f"{self.place(i)}"
            )
        if not numbers.any():
            raise ValueError(
                f"column {name!r}: expected True for at least one token, got False for all "
                f"{len(numbers)}"
            )
        return numbers.astype(bool)

    def by_token(self, name: str) -> np.ndarray:
        """[N]"""
        return self._numbers(name, self._flat(name, "numbers"))[self.order]

    def advantages(self) -> np.ndarray:
        """[N], from a number per token, or one per completion."""
        column = self._column("advantage")
        if self.layout == "completion" and not self._is_list(column.type):
            return self._numbers("advantage", column)[self.owner]
        return self.by_token("advantage")

    def versions(self) -> np.ndarray | None:
        """[B] of the policy that sampled, the mean of its counted tokens where the file has one for
        each."""
        if not self.has("version"):
            return None
        kind = self._kind("version")
        if self.layout == "completion" and self._is_list(kind):
            each = self.by_token("version")
            mask = self.mask()
            counted = np.bincount(self.owner, weights=mask, minlength=self.count)
            weights = np.where(mask, each, 0.0)
            every = np.bincount(self.owner, weights=weights, minlength=self.count)
            with np.errstate(invalid="ignore"):
                values = every / counted
            values = np.where(counted > 0, values, np.nanmax(values))
        elif self._is_text(kind):
            values = self._named("version", self._by_completion("version"))
        else:
            values = self._numbers("version", self._by_completion("version"))
        return values if np.isfinite(values).all() else None

    def _named(self, ours: str, column: Any) -> np.ndarray:
        """The number in texts that hold one: of "v3" it is 3."""
        per_row = [re.findall(r"\d+(?:\.\d+)?", text or "") for text in column.to_pylist()]
        odd = [i for i, numbers in enumerate(per_row) if len(numbers) != 1]
        if odd:
            raise ValueError(
                f"column {self._name(ours)!r}: expected a number, or a text with one, such as 'v3', "
                f"got {column[odd[0]].as_py()!r} for completion {odd[0]}"
            )
        return np.array([float(number) for (number,) in per_row])

    def vocabulary(self) -> int | None:
        """The largest id of a token, plus 1; None: there are no ids."""
        if not self.has("tokens"):
            return None
        kind = self._kind("tokens")
        if not self.types.is_integer(kind.value_type if self._is_list(kind) else kind):
            return None
        ids = self._flat("tokens", "ids").to_numpy(zero_copy_only=False)
        return int(np.nanmax(ids)) + 1 if len(ids) and np.nanmax(ids) >= 0 else None

    def rewards(self) -> np.ndarray:
        """[B]; of a number for every token, which is 0 but at the last (verl's), the sum, unless it
        is the same for all of a completion's."""
        column = self._column("reward")
        if self.layout == "completion" and not self._is_list(column.type):
            return self._numbers("reward", column)
        each = self.by_token("reward")
        each = np.where(self.mask() | np.isfinite(each), each, 0.0)
        if np.array_equal(each, each[np.searchsorted(self.owner, self.owner)], equal_nan=True):
            return each[np.searchsorted(self.owner, np.arange(self.count))]
        return np.bincount(self.owner, weights=each, minlength=self.count)

    def groups(self) -> tuple[np.ndarray, list[str]] | None:
        """[B] from `group`, or else from equal prompts; and each group's name."""
        name = next((n for n in ("group", "prompt") if self.has(n)), None)
        if name is None:
            return None
        column = self._texts(name)
        which = self._distinct(name, column, "completion")
        if self.files is not None and name == "group" and self.has("prompt"):
            # Each rank may count its groups from 0: where their prompts differ, they are different
            # groups.
            prompt = self._distinct("prompt", self._texts("prompt"), "completion")
            which = _factorized(which * (int(prompt.max()) + 1) + prompt)
        first = np.unique(which, return_index=True)[1]
        return which, [str(value) for value in column.take(first).to_pylist()]

    def _texts(self, name: str) -> Any:
        """A column with a value per completion; a prompt's ids as one text."""
        column = self._column(name)
        ids = self._is_list(column.type) and self.types.is_integer(column.type.value_type)
        if name != "prompt" or not ids:
            return self._by_completion(name)
        import pyarrow as pa

        return pa.array([" ".join(map(str, row or ())) for row in column.to_pylist()])

    def words(self, name: str) -> list[str]:
        """One text a completion."""
        column = self._texts(name)
        if not self._is_text(column.type):
            raise TypeError(f"column {self._name(name)!r}: expected texts, got {column.type}")
        return [text or "" for text in column.to_pylist()]

    def pieces(self, tokenizer: str | None) -> np.ndarray | None:
        """[N] the text of every token: `text`, or `tokens` through the tokenizer, or the ids
        themselves. A completion's whole text names no token and stays unread."""
        whole = (
            self.layout == "completion"
            and self.has("text")
            and not self._is_list(self._kind("text"))
        )
        name = next(
            (n for n in ("text", "tokens") if self.has(n) and not (whole and n == "text")), None
        )
        if name is None:
            return None
        self.used.add(self._name("tokens"))  # with both, the texts say all that is shown
        values = self._flat(name, "texts" if name == "text" else "ids or texts")
        if self.types.is_integer(values.type):
            if name == "tokens" and tokenizer is not None:
                return _decode(values.to_numpy(zero_copy_only=False), tokenizer)[self.order]
            return np.array([f"#{i}" for i in values.to_pylist()], dtype=object)[self.order]
        if not self._is_text(values.type):
            raise TypeError(
                f"column {self._name(name)!r}: expected the text of every token, got {values.type}"
            )
        return np.array([piece or "" for piece in values.to_pylist()], dtype=object)[self.order]

    # -- columns

    def _name(self, ours: str) -> str:
        return self.names.get(ours, ours)

    def _kind(self, ours: str) -> Any:
        return self.table.schema.field(self._name(ours)).type

    def _column(self, ours: str) -> Any:
        name = self._name(ours)
        self.used.add(name)
        column = self.table.column(name).chunk(0)
        # pandas' category.
        return column.dictionary_decode() if self.types.is_dictionary(column.type) else column

    def _distinct(self, ours: str, column: Any, what: str) -> np.ndarray:
        """[rows] the distinct values numbered in the order in which they first come."""
        import pandas as pd

        if self.types.is_nested(column.type):
            raise TypeError(
                f"column {self._name(ours)!r}: expected one value for every {what} that can be "
                f"compared, such as a number or a text, got {column.type}"
            )
        if column.null_count:
            raise ValueError(
                f"column {self._name(ours)!r}: expected a value for every {what}, got none for "
                f"{what} {_first(column.is_null().to_numpy(zero_copy_only=False))}"
            )
        return pd.factorize(column.to_pandas())[0]

    def _flat(self, ours: str, wanted: str) -> Any:
        """A column with a value per token, in the order of the file."""
        column = self._column(ours)
        listed = self._is_list(column.type)
        if self.layout == "token":
            if listed:
                raise TypeError(
                    f"column {self._name(ours)!r}: expected {wanted}, one per row as in "
                    f"{self._name('logp')!r}, got {column.type}"
                )
            return column
        if not listed:
            raise TypeError(
                f"column {self._name(ours)!r}: expected a list of {wanted} in every row, as in "
                f"{self._name('logp')!r}, got {column.type}"
            )
        odd = self._sizes(ours) != self.sizes
        if odd.any():
            i = _first(odd)
            raise ValueError(
                f"column {self._name(ours)!r}: expected a list of {self.sizes[i]} values in row "
                f"{i}, as many as in {self._name('logp')!r}, got {self._sizes(ours)[i]}"
            )
        return column.flatten()

    def _by_completion(self, ours: str) -> Any:
        """A column with a value per completion."""
        column = self._column(ours)
        if self._is_list(column.type):
            raise TypeError(
                f"column {self._name(ours)!r}: expected one value per completion, got {column.type}"
            )
        return column if self.layout == "completion" else column.take(self.order[self.first])

    def _numbers(self, ours: str, values: Any, booleans: bool = False) -> np.ndarray:
        """float64, NaN where the file has nothing."""
        import pyarrow as pa

        kind, types = values.type, self.types
        if types.is_null(kind):
            return np.full(len(values), np.nan)
        if not (self._is_number(kind) or (booleans and types.is_boolean(kind))):
            wanted = "booleans" if booleans else "numbers"
            raise TypeError(f"column {self._name(ours)!r}: expected {wanted}, got {kind}")
        if types.is_boolean(kind):
            values = values.cast(pa.int8())
        return np.array(values.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)

    def _is_number(self, kind: Any) -> bool:
        return (
            self.types.is_floating(kind)
            or self.types.is_integer(kind)
            or self.types.is_decimal(kind)
        )

    def _is_text(self, kind: Any) -> bool:
        return self.types.is_string(kind) or self.types.is_large_string(kind)

    def _is_list(self, kind: Any) -> bool:
        return (
            self.types.is_list(kind)
            or self.types.is_large_list(kind)
            or self.types.is_fixed_size_list(kind)
        )

    def _missing(self, theirs: str, ours: str, why: str = "") -> ValueError:
        names = self.table.column_names
        for log, (columns, chapter) in LOGS.items():
            if theirs == ours == "logp" and columns <= set(names):
                return ValueError(
                    f"{self.source!r}: expected log-probs of every token, got a log of texts, as "
                    f"{log} writes it, which holds none. How to record them: “{chapter}” in "
                    "book/check/diagnose.md"
                )
        free = [name for name in names if name not in (*REQUIRED, *OPTIONAL)]
        near = difflib.get_close_matches(theirs, free, n=1, cutoff=0.5)
        hint = f"; did you mean --column {ours}={near[0]}?" if near else ""
        return ValueError(
            f"column {theirs!r}: not in {self.source!r}, which has {', '.join(names)}{why}{hint}"
        )


def _decode(ids: np.ndarray, tokenizer: str) -> np.ndarray:
    from transformers import AutoTokenizer

    from trlib.model.loading import EMBEDDED, reason

    local = EMBEDDED / tokenizer
    try:
        decoder = AutoTokenizer.from_pretrained(
            local if (local / "config.json").exists() else tokenizer, trust_remote_code=False
        )
    except Exception as error:  # one sentence for the many ways a name can be wrong
        raise ValueError(
            "tokenizer: expected an embedded model's name, a folder or a hub id, got "
            f"{tokenizer!r} ({reason(error)})"
        ) from error
    distinct, which = np.unique(ids, return_inverse=True)
    # An id that no token has (-100 under the mask) decodes to nothing.
    texts = [decoder.decode([int(i)]) if 0 <= i < len(decoder) else f"#{i}" for i in distinct]
    return np.array(texts, dtype=object)[which]


def _factorized(values: np.ndarray) -> np.ndarray:
    """A whole number for every distinct value, in the order in which they come."""
    import pandas as pd

    return pd.factorize(values)[0]


def _first(flags: np.ndarray) -> int:
    return int(np.argmax(flags))
