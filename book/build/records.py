"""What the pages of recorded questions are made of: tables of ends, predictions beside their results,
and the sweeps with the commands that run them again.

A question's page is the README of its folder in `trlab/records`, written by hand; `book.build.write`
fills in what stands between comments.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from book.build import quoted, words
from book.build.markdown import escape, folded, table
from trlab import questions, sweep
from trlab.cells import of_its_day
from trlab.drawing.rates import written_rate
from trlab.drawing.recorded import figures
from trlab.findings import OUTCOME, finished
from trlab.statistics import interval, iqm
from trlab.sweep import Sweep
from trlab.verdicts import Finding, description, predicted

PAGE = "README.md"
WORST = "worst"
"""The column of the worst run."""
SPEED = "batches_to"
DISTANCES = ("kl_median", "kl")
"""How far a run went: the first of these that was measured."""
SPREAD = ("sampled", "distinct")
"""Columns that carry their interval."""
DIGITS = {"sampled": 3, "greedy": 3}
"""Of columns that have more of them than a sentence."""
THINNED = (
    "\n\nThe history keeps one batch of {every}: how many batches a run took and whether it collapsed "
    "cannot be said from it."
)
"""Below a table whose runs have no measure of batches in a row."""
NEVER = "never"
"""Where the mean of some runs does not reach the reward within their batches."""
FOLD = 20
"""Rows of a table that a page shows without being asked."""
MOST = 80
"""Words of predictions that a page shows; the command prints them all."""
WORD = re.compile(r"[^\W\d_]{2,}")


def path(question: str) -> Path:
    """The page of a question."""
    return questions.RECORDS / question / PAGE


def heading(question: str) -> str:
    """What a question's page is headed with."""
    return path(question).read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")


def answer(question: str) -> str:
    """The first sentence of a question's page, which answers it."""
    match = re.search(r"\*\*(.+?)\*\*", path(question).read_text(encoding="utf-8"), re.DOTALL)
    if match is None:
        raise ValueError(f"{path(question)}: expected an answer in bold, got none")
    return " ".join(match[1].split())


def every(_: str) -> str:
    """A row for each question, with its answer."""
    rows = [
        (
            f"[{heading(name)}](../trlab/records/{name}/{PAGE})",
            answer(name),
            str(len(questions.asked(name))),
        )
        for name in questions.all_questions()
    ]
    listed = table(("question", "answer", "sweeps"), sorted(rows, key=lambda row: row[0].lower()))
    waiting = sorted({*sweep.declared()} - {*questions.all_recorded()})
    unrecorded = (
        f"\n\nDeclared, and not recorded yet: {', '.join(f'`{name}`' for name in waiting)}."
    )
    return listed + unrecorded * bool(waiting)


def ends(question: str) -> str:
    """The table of a question's first sweep, and folded those of the others; what predicts nothing and
    has no figure is a map, which the command prints."""
    first, *others = questions.asked(question)
    parts = [_ends(first)]
    drawn = {one.sweep for one in figures().values()}
    for name in others:
        if not sweep.load_sweep(name).predictions and name not in drawn:
            continue
        summary = f"<code>{name}</code>"
        parts.append(folded(_ends(name, fold=False), summary))
    return "\n\n".join(parts)


def _ends(name: str, *, fold: bool = True) -> str:
    one, runs, history = quoted.record(name)
    axes = [axis.name for axis in one.axes if runs[axis.name].nunique() > 1]
    distance = next(kl for kl in DISTANCES if kl in runs)
    thinned = one.every > 1
    columns = [*OUTCOME, *([] if thinned or _never(runs) else [SPEED]), distance]
    if runs["seed"].nunique() > 1:
        columns.insert(columns.index("sampled") + 1, WORST)
    heads = (
        "method",
        *(words.axis(axis).heading for axis in axes),
        *(
            WORST
            if thinned and column == WORST
            else words.HEADINGS.get(column, words.measure(column).text)
            for column in columns
        ),
    )
    body = rows(runs, history, axes, columns, one)
    text = table(heads, body)
    if thinned:
        text += THINNED.format(every=one.every)
    return folded(text, f"All {len(body)} rows") if fold and len(body) > FOLD else text


def _never(runs: Any) -> bool:
    """Whether no run's batches reach the level: those of a frozen sampler do not, however much the
    learner learns."""
    known = runs.dropna(subset=[SPEED])
    return bool((known[SPEED] > known["steps"]).all())


def rows(
    runs: Any, history: Any, axes: Sequence[str], columns: Sequence[str], of: Sweep | None = None
) -> list[list[str]]:
    """A row for each variant and point of the axes; a default that was another then is said.

    Raises:
        ValueError: a column that the record does not have.
    """
    body = []
    for place, part in runs.groupby(["label", *axes], sort=False):
        good, failed = finished(part), len(part) - len(finished(part))
        day = of_its_day(of, str(part["method"].iloc[0])) if of else ""
        row = [", ".join(filter(None, (f"`{place[0]}`", day)))]
        row += [
            escape(_point(axis, point, part)) for axis, point in zip(axes, place[1:], strict=True)
        ]
        row += [cell(good, history, name) for name in columns]
        if failed:  # said beside the first number, whichever that is
            first = 1 + len(axes)
            row[first] = ", ".join(text for text in (row[first], f"{failed} failed") if text)
        body.append(row)
    return body


def _point(axis: str, point: object, runs: Any) -> str:
    """A point of an axis in words. The points of `rate` have names, such as *own*, which mean another
    thing in every sweep, so the learning rate of the runs stands there."""
    if axis != "rate":
        return words.axis(axis).point(point)
    return written_rate(json.loads(runs["train"].iloc[0])["lr"])


def cell(runs: Any, history: Any, name: str) -> str:
    """A measure of some runs: its interquartile mean, with an interval where that is worth its
    width."""
    if not len(runs):
        return ""
    if name == WORST:
        return worst(runs)
    values = quoted.measured(runs, history, name)[name].dropna().to_numpy(dtype=float)
    if not len(values):
        return "not measured"
    short = f", {len(values)} of {len(runs)}" if len(values) < len(runs) else ""
    digits = DIGITS.get(name)
    if name in SPREAD:
        return escape(quoted.written(interval(values), name, digits=digits) + short)
    mean = iqm(values)
    if name == SPEED and mean > int(runs["steps"].iloc[0]):
        return NEVER
    return quoted.number(mean, name, digits=digits) + short


def worst(runs: Any) -> str:
    """The lowest accuracy of some runs, and in brackets how many of them collapsed."""
    least = float(runs["sampled"].min())
    count = int(runs["collapsed"].sum()) if "collapsed" in runs else 0
    return f"{least:.2f}" + (f" ({count}/{len(runs)})" if count else "")


def predictions(question: str) -> str:
    """What was predicted beside the results and what was known beforehand, folded under a line that
    counts; empty: nothing was."""
    judged = [(name, one) for name in questions.asked(question) for one in predicted(name)]
    if not judged:
        return ""
    body, left = [], MOST
    for name, one in judged:
        text = one.prediction.in_full
        left -= len(WORD.findall(text))
        if left < 0:
            break
        body.append((f"`{name}`", escape(text), result(one)))
    findings = [one for _, one in judged]
    parts = [table(("sweep", "predicted", "result"), body)]
    if len(body) < len(judged):
        parts.append(f"`trlib sweep` prints the other {len(judged) - len(body)}.")
    parts += [*over_how_many(judged), *known(question)]
    summary = f"{len(judged)} predictions from before the runs: {counted(findings)}"
    return folded("\n\n".join(parts), summary)


def known(question: str) -> list[str]:
    """What the declarations of a question's sweeps said of pilots, as it was written before the runs:
    a text that several share stands once."""
    known_of: dict[str, list[str]] = {}
    for name in questions.asked(question):
        if text := sweep.load_sweep(name).known:
            known_of.setdefault(text, []).append(f"`{name}`")
    if not known_of:
        return []
    listed = "\n".join(f"- {', '.join(names)}: {escape(text)}" for text, names in known_of.items())
    return [f"{KNOWN}\n\n{listed}"]


KNOWN = (
    "**Known beforehand**, in the words of the declarations: a prediction that repeats a pilot is a "
    "replication of it."
)
"""Above the pilots that were run before a question's predictions were written."""


def result(finding: Finding) -> str:
    """What came of a prediction, in a few words."""
    return finding.plain(words.WORDS)[0]


def counted(judged: Sequence[Finding]) -> str:
    """How many predictions came to what; those of too few seeds are counted together."""
    count = Counter(result(finding).partition(",")[0] for finding in judged if not finding.seeds)
    came = [f"{number} {verdict}" for verdict, number in count.most_common()]
    described = [finding for finding in judged if finding.seeds]
    if described:
        came.append(f"{len(described)} described only, because there are too few seeds for a test")
    return ", ".join(came)


def over_how_many(judged: Sequence[tuple[str, Finding]]) -> list[str]:
    """The smallest p-value that is left of each sweep's after the correction, and over how many
    questions that went."""
    best: dict[str, Finding] = {}
    for name, finding in judged:
        if not math.isnan(finding.corrected) and (
            name not in best or finding.corrected < best[name].corrected
        ):
            best[name] = finding
    smallest = "; ".join(f"`{name}` {finding.p_in_words}" for name, finding in best.items())
    smallest_of = [f"Smallest: {smallest}."] if best else []
    return smallest_of


def sweeps(question: str) -> str:
    """A question's sweeps: what each asks, its runs, and what made them."""
    names = questions.asked(question)
    body = [(f"`{name}`", *_asks(name)) for name in names]
    all_runs = [quoted.record(name)[1] for name in names]
    made = [
        ", ".join(sorted({text for runs in all_runs for text in runs[column].dropna().astype(str)}))
        for column in ("date", "hardware", "versions", "commit")
    ]
    text = table(("sweep", "asks", "runs", "core-hours"), body)
    return f"{text}\n\n{folded(escape('; '.join(made)), 'Provenance')}"


def _asks(name: str) -> tuple[str, str, str]:
    one, runs, _ = quoted.record(name)
    so_far = f"So far {description(one)}." if one.awaited else ""
    text = " ".join(filter(None, (one.text, one.provenance, so_far)))
    hours = runs["cpu_seconds"].sum() / 3600
    return escape(text), str(len(runs)), f"{hours:.1f}" if hours >= 0.05 else "below 0.1"


def pages() -> Iterator[tuple[str, Path]]:
    """The pages of all questions by their names."""
    for name in questions.all_questions():
        yield f"records/{name}", path(name)


MAKERS = {"ends": ends, "predictions": predictions, "question-sweeps": sweeps, "questions": every}
"""What stands between comments, by its name."""
