"""Is my curve normal? A log beside recorded runs of TRL's trainer, healthy ones and ill ones.

`trcheck.diagnose.recorder` makes the runs. What a log does in each key becomes a word by
`log_rules.json` (`words`: falls, stays, rises, ...), whatever the scale of its rewards and lengths.
A word is odd if there are healthy runs with this key and none of them has it. The signs of a cause
are the words that all its runs share, because what only one seed does is chance; the cause whose
odd signs the log shares most is most alike. The page of questions computes the same
(`book/_static/log.js`)."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from trcheck.diagnose.log import RULES, TREND, holds, measured, read, shown

FOLDER = Path(__file__).with_name("reference")
WORDS: dict[str, list[Any]] = RULES["words"]
"""The keys that are compared, and each one's words with their conditions; the first that holds."""

LABELS: dict[str, str] = RULES["labels"]
"""What a reader calls the keys."""
TRENDS = ("falls", "rises", "stays")
"""Words that depend on a run's speed, which does not carry over: one alone makes nothing alike."""


class Run(NamedTuple):
    """A recorded run."""

    cause: str
    healthy: bool
    series: dict[str, list[float]]
    words: dict[str, str]


class Alike(NamedTuple):
    """What a comparison says; `runs` are of the causes that are most alike, none where none is."""

    sentence: str
    runs: tuple[Run, ...]
    words: dict[str, str]


def words(series: Mapping[str, Sequence[float]]) -> dict[str, str]:
    """What a log does, by key; keys of which it has too few finite values are missing."""
    known = measured(series)
    made = {}
    for name, choices in WORDS.items():
        for word, when in choices:
            if f"{name}.trend" in known and all(holds(known, *one) for one in when):
                made[name] = word
                break
    return made


def rows(folder: Path | None = None) -> list[list[dict[str, Any]]]:
    """The recorded files, of every folder in the folder as well: what a run was, then its rows."""
    files = sorted((folder or FOLDER).rglob("*.jsonl"))
    return [
        [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        for file in files
    ]


def runs(folder: Path | None = None) -> list[Run]:
    """The recorded runs."""
    made = []
    for about, *lines in rows(folder):
        series = read("\n".join(map(json.dumps, lines)))
        made.append(Run(about["cause"], about["kind"] == "healthy", series, words(series)))
    return made


def signs(recorded: Sequence[Run]) -> dict[str, dict[str, str]]:
    """Each cause's words that all its runs share."""
    causes = dict.fromkeys(run.cause for run in recorded if not run.healthy)
    shared = {}
    for cause in causes:
        each = [run.words.items() for run in recorded if run.cause == cause and not run.healthy]
        shared[cause] = dict(item for item in each[0] if all(item in items for items in each))
    return shared


def odd(found: Mapping[str, str], recorded: Sequence[Run]) -> set[str]:
    """The keys in which `found` does what none of the healthy runs that have this key does."""
    usual: dict[str, set[str]] = {}
    for run in recorded:
        for key, word in run.words.items() if run.healthy else ():
            usual.setdefault(key, set()).add(word)
    return {key for key in found if key in usual and found[key] not in usual[key]}


def steps(series: Mapping[str, Sequence[float]], count: int) -> list[float]:
    """The update of each of `count` values: the log's own numbers, where it has one a line; a key
    that is logged once a batch is spread over the updates of the others."""
    own = [value for value, _ in groupby(series.get("step", ()))]
    if len(own) == count:
        return own
    apart = max(max(map(len, series.values()), default=count) // max(count, 1), 1)
    return [float(1 + apart * i) for i in range(count)]


def compare(text: str, recorded: Sequence[Run]) -> Alike:
    """The causes whose runs are most alike, and in which keys."""
    return against(words(read(text)), recorded)


def against(mine: dict[str, str], recorded: Sequence[Run]) -> Alike:
    """The same of what a log does."""
    if not mine:
        return Alike(f"A comparison needs {TREND} lines or more of one key.", (), mine)
    strange = odd(mine, recorded)
    if not strange:
        keys = ", ".join(LABELS[key] for key in mine)
        said = f"None of the recorded ill runs: in {keys} the log does what healthy runs do."
        return Alike(said, (), mine)
    by_score: dict[int, list[str]] = {}
    for cause, shared in signs(recorded).items():
        unusual = strange | odd(shared, recorded)
        both = [key for key in mine if key in shared and key in unusual]
        same = [key for key in both if shared[key] == mine[key]]
        if len(same) < 2 and all(mine[key] in TRENDS for key in same):
            continue
        said = f"{cause}. Alike in {listed(same, mine)}"
        if len(same) < len(both):
            there = {key: f"{mine[key]}; there {shared[key]}" for key in both if key not in same}
            said += f"; not in {listed(there, there)}"
        by_score.setdefault(2 * len(same) - len(both), []).append(f"{said}.")
    most = max(by_score, default=0)
    if most <= 0:
        keys = listed([key for key in mine if key in strange], mine)
        said = f"None of the recorded ill runs, although unlike the healthy ones in {keys}."
        return Alike(said, (), mine)
    causes = {said.partition(". Alike in ")[0] for said in by_score[most]}
    runs = tuple(run for run in recorded if not run.healthy and run.cause in causes)
    return Alike("Most alike: " + " Equally alike: ".join(by_score[most]), runs, mine)


def listed(keys: Iterable[str], found: Mapping[str, str]) -> str:
    """Keys with what they do."""
    return ", ".join(f"{LABELS[key]} ({found[key]})" for key in keys)


def text(found: Alike, series: Mapping[str, Sequence[float]], recorded: Sequence[Run]) -> str:
    """The comparison for a terminal: the sentence, and each key beside the healthy runs."""
    lines = [found.sentence, "", f"{'':27}{'this log':>20}{'healthy runs':>24}"]
    for key in found.words:
        healthy = [run.series[key] for run in recorded if run.healthy and key in run.series]
        ends = [value for run in healthy for value in (run[0], run[-1])]
        band = f"{shown(min(ends))} to {shown(max(ends))}" if ends else "none"
        own = f"{shown(series[key][0])} to {shown(series[key][-1])}"
        lines.append(f"{LABELS[key]:27}{own:>20}{band:>24}  {found.words[key]}")
    return "\n".join(lines)


def plot(
    path: str, found: Alike, series: Mapping[str, Sequence[float]], recorded: Sequence[Run]
) -> None:
    """A picture: each key over the healthy runs and those that are most alike."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 2.2 * math.ceil(len(found.words) / 3) + 0.6), layout="constrained")
    causes = list(dict.fromkeys(run.cause for run in found.runs))
    for place, key in enumerate(found.words):
        axes = figure.add_subplot(math.ceil(len(found.words) / 3), 3, place + 1, title=LABELS[key])
        for run in recorded:
            if key in run.series and (run.healthy or run in found.runs):
                values = run.series[key]
                (drawn,) = axes.plot(steps(run.series, len(values)), values, color="0.75")
                if not run.healthy:
                    drawn.set(color=f"C{1 + causes.index(run.cause)}", label=run.cause)
        axes.plot(steps(series, len(series[key])), series[key], color="C0", label="this log")
    named = {
        label: drawn
        for each in figure.axes
        for drawn, label in zip(*each.get_legend_handles_labels(), strict=True)
    }
    figure.legend(named.values(), named, loc="outside lower center", ncols=2)
    figure.savefig(path, dpi=120)
