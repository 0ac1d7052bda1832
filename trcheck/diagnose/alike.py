"""Is my curve normal? A log beside recorded runs of TRL's trainer, healthy ones and ill ones.

`trcheck.diagnose.recorder` makes the runs. What a log does in each key becomes a word by
`log_rules.json` (`words`: falls, stays, rises, ...), whatever the scale of its rewards and lengths.
A word that no healthy run has is odd; the ill run that shares most odd words is most alike. The
page of questions computes the same (`book/_static/log.js`)."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from trcheck.diagnose.log import RULES, TREND, holds, measured, read, shown

FOLDER = Path(__file__).with_name("reference")
WORDS: dict[str, list[Any]] = RULES["words"]
"""The keys that are compared, and each one's words with their conditions; the first that holds."""


class Run(NamedTuple):
    """A recorded run."""

    cause: str
    healthy: bool
    series: dict[str, list[float]]
    words: dict[str, str]


class Alike(NamedTuple):
    """What a comparison says; `run` is None where no ill run is alike."""

    sentence: str
    run: Run | None
    words: dict[str, str]


def words(series: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """What a log does, by key; keys of which it has too few lines are missing."""
    known = measured(series)
    made = {}
    for name, choices in WORDS.items():
        for word, when in choices:
            if len(series.get(name, ())) >= TREND and all(holds(known, *one) for one in when):
                made[name] = word
                break
    return made


def runs(folder: Path | None = None) -> list[Run]:
    """The recorded runs, of every folder in the folder as well."""
    made = []
    for file in sorted((folder or FOLDER).rglob("*.jsonl")):
        first, _, rows = file.read_text(encoding="utf-8").partition("\n")
        about, series = json.loads(first), read(rows)
        made.append(Run(about["cause"], about["kind"] == "healthy", series, words(series)))
    return made


def steps(series: Mapping[str, Sequence[float]], count: int) -> list[float]:
    """The update of each of `count` values: the log's own numbers, where it has one a line."""
    own = [value for value, _ in groupby(series.get("step", ()))]
    return own if len(own) == count else [float(i + 1) for i in range(count)]


def compare(text: str, recorded: Sequence[Run]) -> Alike:
    """The ill run that is most alike, and in which keys."""
    mine = words(read(text))
    usual = {key: {run.words.get(key) for run in recorded if run.healthy} for key in mine}

    def odd(found: Mapping[str, str]) -> set[str]:
        return {key for key in mine if key in found and found[key] not in usual[key]}

    strange = {key: mine[key] for key in mine if key in odd(mine)}
    said = ", ".join(f"{key} {word}" for key, word in strange.items())
    if not mine:
        return Alike(f"A comparison needs {TREND} lines or more of one key.", None, mine)
    if not strange:
        return Alike(
            f"None of the recorded ill runs: in {', '.join(mine)} the log does what healthy runs do.",
            None,
            mine,
        )
    best, most = None, -math.inf
    for run in recorded:
        both = [key for key in mine if key in run.words and key in odd(mine) | odd(run.words)]
        same = [key for key in both if key in strange and run.words[key] == mine[key]]
        if not run.healthy and same and 2 * len(same) - len(both) > most:
            best, most = (
                (run, same, [key for key in both if key not in same]),
                2 * len(same) - len(both),
            )
    if best is None or most <= 0:
        return Alike(
            f"None of the recorded ill runs, although unlike the healthy ones: {said}.", None, mine
        )
    run, same, unlike = best
    sentence = f"Most alike: {run.cause}. Alike in " + ", ".join(
        f"{key} ({mine[key]})" for key in same
    )
    if unlike:
        sentence += "; not in " + ", ".join(
            f"{key} ({mine[key]}; there {run.words[key]})" for key in unlike
        )
    return Alike(f"{sentence}.", run, mine)


def text(found: Alike, series: Mapping[str, Sequence[float]], recorded: Sequence[Run]) -> str:
    """The comparison for a terminal: the sentence, and each key beside the healthy runs."""
    lines = [found.sentence, "", f"{'':12}{'this log':>20}{'healthy runs':>24}"]
    for key in found.words:
        healthy = [run.series[key] for run in recorded if run.healthy and key in run.series]
        ends = [value for run in healthy for value in (run[0], run[-1])]
        band = f"{shown(min(ends))} to {shown(max(ends))}" if ends else "none"
        own = f"{shown(series[key][0])} to {shown(series[key][-1])}"
        lines.append(f"{key:12}{own:>20}{band:>24}  {found.words[key]}")
    return "\n".join(lines)


def plot(
    path: str, found: Alike, series: Mapping[str, Sequence[float]], recorded: Sequence[Run]
) -> None:
    """A picture: each key over the healthy runs and the one that is most alike."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.2 * math.ceil(len(found.words) / 3) + 0.6), layout="constrained")
    for place, key in enumerate(found.words):
        axes = figure.add_subplot(math.ceil(len(found.words) / 3), 3, place + 1, title=key)
        for run in recorded:
            if key in run.series and (run.healthy or run is found.run):
                values = run.series[key]
                (drawn,) = axes.plot(steps(run.series, len(values)), values, color="0.75")
                if not run.healthy:
                    drawn.set(color="C3", label=run.cause)
        axes.plot(steps(series, len(series[key])), series[key], color="C0", label="this log")
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=120)
