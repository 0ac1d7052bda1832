"""The tables of a record as text: one row per cell, and the histories one row per metric and batch.

What is the same for many cells, the circumstances that made them, stands once beside the tables,
under a short name. A history keeps `DIGITS` digits, metric by metric and batch by batch with one
column per cell, which is how it packs best.
"""

from __future__ import annotations

import csv
import hashlib
import io
import json
import lzma
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

Row = dict[str, Any]
History = dict[str, list[float]]
"""A cell's columns by metric."""
RUNS, HISTORY = "runs.csv.xz", "history.csv.xz"
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9, "lc": 4, "pb": 0, "nice_len": 273, "depth": 1000}]
"""How a table is packed: text of digits gets a percent smaller than by the preset alone."""
DIGITS = 4
"""What a history keeps of a number."""
FOLLOWING = 6
"""What a question's table keeps of a time, and of a measure that follows from a history."""
CIRCUMSTANCES = ("command", "commit", "versions", "hardware", "date")
"""Columns of a row that its table holds as one, `made`."""
DONE, FAILED = "done", "failed"
COLUMNS, MEASURED = ("cell", "sweep", "label", "seed", "steps"), ("sampled", "digest")
"""The columns that every table needs, and those that the row of a finished cell needs besides."""


def read_runs(path: Path, made: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Row]]:
    """The rows of a table by sweep and cell, with what made them. Of a table of several sweeps, a
    sweep's rows have those columns alone in which it has something; labels of axes are words, whatever
    they look like.

    Args:
        made: the circumstances by the names that the table has for them.

    Raises:
        OSError, EOFError, lzma.LZMAError, ValueError, KeyError: no such file, or a damaged one.
    """
    import pandas as pd

    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    done = table["status"] == DONE
    for name in COLUMNS + MEASURED * bool(done.any()):
        if name not in table:
            raise ValueError(f"no column {name!r}")
    hows = table.pop("made") if "made" in table else pd.Series("", table.index)
    written = table != ""
    table = table.astype({"seed": int, "steps": int})
    for name in numbers() & {*table}:
        table[name] = table[name].where(written[name], "nan").astype(float)
    if not table.loc[done, "sampled"].between(0, 1).all():
        raise ValueError("column 'sampled': expected shares between 0 and 1")
    rows: dict[str, dict[str, Row]] = {}
    for sweep, part in table.groupby("sweep", sort=False):
        known = written.loc[part.index].any()
        held = [name for name in part if len(part) == len(table) or known[name] or name == "error"]
        rows[str(sweep)] = {
            row["cell"]: row | (made[how] if how else {})
            for row, how in zip(part[held].to_dict("records"), hows[part.index], strict=True)
        }
    return rows


def as_table(
    rows: Mapping[str, Mapping[str, Row]],
) -> tuple[str, dict[str, dict[str, str]]]:
    """The table of a question, as text, and what made its rows. A number that was not measured is
    `nan`; nothing stands where a sweep has no such column. What the seed decides keeps every digit,
    and the rest (`FOLLOWING`) as many as anything that is printed needs."""
    from trlab.measures import DERIVED

    short = {*DERIVED, "seconds", "cpu_seconds"}
    every = [row for of_sweep in rows.values() for row in of_sweep.values()]
    before, after = dict[str, None](), dict[str, None]()
    for row in every:
        names = [name for name in row if name not in CIRCUMSTANCES]
        seed = names.index("seed")
        before |= dict.fromkeys(names[:seed])
        after |= dict.fromkeys(names[seed:])
    made: dict[str, dict[str, str]] = {}
    out = io.StringIO()
    table = csv.DictWriter(out, [*before, *after, "made"], lineterminator="\n")
    table.writeheader()
    for row in every:
        how = {name: row[name] for name in CIRCUMSTANCES if name in row}
        made[key := _short(how)] = how
        own = {
            name: float(f"{value:.{FOLLOWING}g}") if name in short else value
            for name, value in row.items()
            if name not in CIRCUMSTANCES
        }
        table.writerow({**own, "made": key} if how else own)
    return out.getvalue(), made


def _short(how: Mapping[str, str]) -> str:
    """A name of the circumstances that made some runs."""
    return hashlib.blake2b(json.dumps(how).encode(), digest_size=4).hexdigest()


def numbers() -> set[str]:
    """The columns of a table that hold a measured number."""
    from trlab.cell import MEASURES
    from trlab.measures import DERIVED

    return {*MEASURES, *DERIVED, "sampled_low", "sampled_high"}


def without_circumstances(runs: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, dict[str, str]]]:
    """A table whose column `made` stands for the circumstances, and these by their names."""
    columns = [name for name in CIRCUMSTANCES if name in runs]
    if not columns:
        return runs, {}
    made = [
        {name: text for name, text in row.items() if isinstance(text, str)}
        for row in runs[columns].to_dict("records")
    ]
    keys = list(map(_short, made))
    return runs.drop(columns=columns).assign(made=keys), dict(zip(keys, made, strict=True))


def read_histories(path: Path) -> dict[str, History]:
    """Histories by cell. A metric that no batch of a cell has is not in its history.

    Raises:
        OSError, EOFError, lzma.LZMAError, ValueError, KeyError: no such file, or a damaged one.
    """
    import pandas as pd

    table = pd.read_csv(path, dtype={"cell": str})
    metrics, cells = list(dict.fromkeys(table.pop("metric"))), list(table.drop(columns="batch"))
    values = (
        table[cells]
        .to_numpy(float)
        .reshape(len(metrics), len(table) // max(len(metrics), 1), len(cells))
    )
    histories: dict[str, History] = {}
    for key, of_cell in zip(cells, np.moveaxis(values, 2, 0), strict=True):
        known = ~np.isnan(of_cell)
        batches = int(known.any(axis=0).nonzero()[0].max(initial=-1)) + 1
        histories[key] = {
            metric: of_cell[m, :batches].tolist()
            for m, metric in enumerate(metrics)
            if known[m].any()
        }
    return histories


def packed(histories: Mapping[str, History], cells: Iterable[str]) -> bytes:
    """The histories of these cells as the file that `read_histories` reads."""
    import pandas as pd

    kept = {key: histories[key] for key in cells if key in histories}
    metrics = list(dict.fromkeys(metric for history in kept.values() for metric in history))
    batches = range(
        max((len(column) for history in kept.values() for column in history.values()), default=0)
    )
    values = np.full((len(metrics), len(batches), len(kept)), np.nan)
    for i, history in enumerate(kept.values()):
        for metric, column in history.items():
            values[metrics.index(metric), : len(column), i] = column
    index = pd.MultiIndex.from_product([metrics, batches], names=["metric", "batch"])
    table = pd.DataFrame(values.reshape(len(index), len(kept)), index, list(kept))
    return compressed(table.to_csv(float_format=f"%.{DIGITS}g"))


def compressed(table: str) -> bytes:
    """A table as a file that a repository keeps."""
    return lzma.compress(table.encode(), filters=FILTERS)


def same_digits(recorded: float, exact: float) -> bool:
    """Whether a number of a history is what its table keeps of the exact one; a missing number
    equals a missing one.

    Some histories were rounded to six digits before they were rounded to four, which can change the
    last digit: a hundredth of its unit is allowed for that.
    """
    if not math.isfinite(exact) or not exact:
        return recorded == exact or (recorded != recorded and exact != exact)
    unit = 10.0 ** (math.floor(math.log10(abs(exact))) - DIGITS + 1)
    return abs(recorded - exact) <= 0.51 * unit
