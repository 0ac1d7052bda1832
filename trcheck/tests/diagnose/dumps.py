"""Columns of a dump as rows, and as the files that libraries write."""

import json

import numpy as np


def by_row(columns):
    """Columns as rows."""
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def jsonl(path, lines):
    """A file of JSON lines."""
    path.write_text(
        "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8"
    )
    return path


def rows(columns):
    """A row per completion, as a library writes it; NaN as None."""
    owner = np.unique(columns["completion"], return_inverse=True)[1]
    first = np.flatnonzero(np.diff(owner, prepend=-1))
    cuts = first[1:]
    made = {}
    for name, values in columns.items():
        lists = name in ("logp", "logp_old", "logp_rollout", "mask", "tokens")
        if lists:
            made[name] = [
                [None if x != x else x for x in row.tolist()] for row in np.split(values, cuts)
            ]
        elif name != "completion":
            made[name] = values[first].tolist()
    return by_row(made)


def padded(columns):
    """Columns of tokens as [B + 2, T + 2], NaN where there are none: the first and last rows are
    empty."""
    owner = columns["completion"] + 1
    place = np.arange(len(owner)) - np.searchsorted(owner, owner)
    made = {}
    for name in ("logp", "logp_rollout", "advantage", "logp_old", "mask"):
        if name in columns:
            made[name] = np.full(
                (owner[-1] + 2, place.max() + 3), 0.0 if name == "mask" else np.nan
            )
            made[name][owner, place] = columns[name]
    return made
