"""The page of each recorded sweep: the README of its record's folder, which the book shows too.

A page holds what a sweep asks, its figures, its table, its predictions beside the results, and the
commands that run it again. It is written from the declaration and the record by `python -m
book.build.write`; what the runs say in words stands where a chapter needs it.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from book.build import quoted, words
from book.build.markdown import escape, folded, table
from trlab.cells import of_its_day
from trlab.drawing import Drawing
from trlab.drawing.figure import narrow_of
from trlab.drawing.figure_registry import FIGURES, Figure
from trlab.drawing.rates import written_rate
from trlab.drawing.recorded import draw
from trlab.findings import before, finished, price
from trlab.kl_cost import Price
from trlab.measures import derive
from trlab.record import RECORDS, all_recorded, read
from trlab.rule import description, rule_of
from trlab.statistics import interval
from trlab.sweep import Sweep, load_sweep
from trlab.texts import texts_of
from trlab.tuning import summary
from trlab.verdict import Finding, why_both
from trlab.verdicts import predicted
from trlib.fields import settings as settings_of
from trlib.loop.settings import RunSettings

PAGE = "README.md"
HEADINGS = ("the sweep asks", "runs")
"""Of the table of all sweeps."""
BOOK = "../../../book"
"""From a record's folder."""
REPLACED = {
    "tuned": "best",
    "grid": "basin_map",
    "gallery": "gallery_best",
    "gallery_grid": "gallery_map",
    "stale": "reuse",
    "heatmap": "basin",
    "mismatch": "noise",
    "tuning": "",
}
"""Sweeps whose question a later one asks better, and that one. Their records and pages stay;
`book/wrong.md` shows what they misled us to."""
COLUMNS = {
    "noise": "sampled, kl_sampler, ess",
    "rare": "take_off, batches_to, sampled",
    "signed": "sampled, kl, kept",
    "perprompt": "sampled, kl_few, kl_half, kl_many",
    "matched": "distinct@0.7, entropy@0.7, distinct, sampled",
    "diversity": "sampled, distinct, entropy@0.7",
    "expert": "sampled, greedy",
    "trapo": "sampled, greedy",
    "troll_parts": "sampled, take_off, kl, entropy",
    "resolution": "take_off, sampled, kl, kept",
    "lagged": "sampled, kl, kl_sampler, kept",
    "shipped": "take_off, sampled, kl, kept",
    "natural": "sampled, take_off, kl, cpu_seconds",
    "loops": "sampled, kl, cpu_seconds",
    "corrected": "sampled, kept, kl_sampler",
    "entropy": "sampled, entropy, kl",
    "relay_narrow": "sampled, kl, kept",
    "distance": "sampled, kl, kl_aside, luck",
    "distance_between": "sampled, kl, kl_aside, luck",
    "real_distance": "sampled, kl, kl_aside, luck",
    "real_distance_slower": "sampled, kl, kl_aside, luck",
    "completions": "sampled, kl_median, kl, luck, luck_scale, rank",
    "completions_map": "sampled, kl_median, kl",
    "completions_map_more": "sampled, kl_median, kl",
    "age": "sampled, kl, kl_median, rank",
    "age_regions": "sampled, kl, kl_median, kept",
    **dict.fromkeys(("age_equal_map", "age_equal_map_more"), "sampled, kl_own_median, kl"),
    "age_equal": "sampled, kl_own_median, kl, kept",
    "gated": "sampled, kl_median, luck, fits",
    **dict.fromkeys(
        (
            *("push", "push_equal", "push_equal_spend", "push_erring", "push_once", "push_rare"),
            *("push_spend", "push_relay", "push_spend_slow", "push_long", "real_push"),
        ),
        "sampled, distinct, entropy, kl_median",
    ),
    "drift": "sampled, entropy, kl, kl_sampler",
    "penalty": "sampled, take_off, kl, cpu_seconds",
    "real_clip_or_mask": "sampled, kl, kept",
    "real_regions": "sampled, kl, kept",
    "real_methods": "sampled, kl, kept",
    "real_completions": "sampled, kl_median, luck, luck_scale",
}
"""The measures of a sweep's table, where they are not the usual ones."""
USUAL = "sampled, take_off, kl"
FURTHER = {"gallery_map": "uses", "relay_map": ""}
"""A second table: what the tuning rule chose, at each point of an axis or once."""
MOST_FIGURES = 3
SHORT = 6
"""Verdicts that a page shows one by one without being asked."""
FOLD = 20
"""Rows of a table that a page shows without being asked."""
WORST = "worst"
"""The column of the worst run."""
SPREAD = ("sampled", "nats_per_point", "take_off", "batches_to", "distinct")
"""Columns that carry their interval."""
MORE = {"sampled": 3}
"""Digits of a column that has more of them than a sentence."""


@cache
def sweep_of(name: str) -> Sweep:
    """A declared sweep, loaded once in a build: some choose their settings from other records."""
    return load_sweep(name)


def shown() -> list[str]:
    """The recorded sweeps, those that a later one replaced at the end and the newest round
    first."""
    return sorted(
        all_recorded(),
        key=lambda name: (
            name in REPLACED,
            -sweep_of(name).round,
            title(sweep_of(name)),
        ),
    )


def replaced(name: str) -> str:
    """What the page of a replaced sweep says below its question; empty: nothing replaced it."""
    if name not in REPLACED:
        return ""
    later = REPLACED[name]
    asks = f"[{title(sweep_of(later))}](../{later}/{PAGE}) asks this better. " if later else ""
    return f"> {asks}[What we got wrong]({BOOK}/wrong.md) says why this page is not relied on."


def title(sweep: Sweep) -> str:
    """What a page is headed with."""
    return (sweep.title or sweep.name)[0].upper() + (sweep.title or sweep.name)[1:]


def readme(name: str) -> tuple[str, dict[str, Drawing]]:
    """The page of a sweep, and its drawings by the names of their files."""
    sweep, drawings = sweep_of(name), figures(name)
    text = [
        f"# {title(sweep)}",
        sweep.text,
        replaced(name),
        *(
            f"![{_alt(drawing)}]({file})\n\n*{escape(caption)}*"
            for file, (drawing, caption) in drawings.items()
        ),
        measures(name),
        choices(name),
        verdicts(name),
        written(name),
        "## Make it again",
        made_again(name),
        f"All sweeps stand in [the table of recorded runs]({BOOK}/recorded.md), which also says how to "
        "read one.",
    ]
    page = "\n\n".join(part.strip() for part in text if part.strip()) + "\n"
    return page, {file: drawing for file, (drawing, _) in drawings.items()}


def write(name: str) -> bool:
    """Writes the page of a sweep with its figures; whether its text is new."""
    folder, (text, drawings) = RECORDS / name, readme(name)
    files = set()
    for file, drawing in drawings.items():
        drawing.save(folder / file, narrow=True)
        files |= {folder / file, narrow_of(folder / file)}
    for old in folder.glob("*.svg"):
        if old not in files:
            old.unlink()
    new = not is_current(name, text)
    if new:
        (folder / PAGE).write_text(text, encoding="utf-8")
    return new


def is_current(name: str, text: str) -> bool:
    """Whether a sweep's page is this text."""
    path = RECORDS / name / PAGE
    return path.exists() and path.read_text(encoding="utf-8") == text


def _alt(drawing: Drawing) -> str:
    """What a figure shows, in a few words: its caption says the rest."""
    words = " ".join(re.split(r"[.:] ", drawing.alt)[0].split())
    return re.sub(r"([\[\]])", r"\\\1", words)


def figures(name: str) -> dict[str, tuple[Drawing, str]]:
    """The figures of a sweep with their captions, by the names of their files: those that the book
    names, else one for what it varies."""
    sweep, runs, history = quoted.record(name)
    named = [key for key, one in FIGURES.items() if one.sweep == name and not one.beside]
    if named:
        return {
            f"{key}.svg": (draw(FIGURES[key], sweep, runs, history), FIGURES[key].text)
            for key in named[:MOST_FIGURES]
        }
    found = usual(sweep, runs, history)
    return {f"figure-{number}.svg": one for number, one in enumerate(found, 1)}


def usual(sweep: Sweep, runs: Any, history: Any) -> list[tuple[Drawing, str]]:
    """Drawings with their captions: accuracy over uses of a batch, thresholds or learning rates where
    the sweep varies one of them, else interquartile means with intervals; a figure for each point of
    the axes that are left."""
    axes = [axis.name for axis in sweep.axes]
    along = next((name for name in words.ALONG if name in axes), "")
    one = Figure(
        sweep.name,
        "curves" if along else "intervals",
        "",
        along=along,
        axis=words.axis(along).along if along else "",
        measure="sampled",
        words=words.measure("sampled").text,
    )
    others = [name for name in axes if name != along]
    drawings = []
    for points, _ in runs.groupby(others, sort=False) if others else [((), runs)]:
        here = replace(
            one, at={name: str(point) for name, point in zip(others, points, strict=True)}
        )
        drawing, what = draw(here, sweep, runs, history), _caption(here, runs, history)
        where = ", ".join(
            f"{words.axis(name).heading} {words.axis(name).point(label)}"
            for name, label in here.at.items()
        )
        drawings.append(
            (drawing, f"{where[0].upper()}{where[1:]}. {what}." if where else f"{what}.")
        )
    if one.kind == "intervals":  # one scale for all, so that they can be compared
        panels = [drawing.figure.axes[0] for drawing, _ in drawings]
        limits = [ax.get_xlim() for ax in panels]
        for ax in panels:
            ax.set_xlim(min(low for low, _ in limits), max(high for _, high in limits))
    return drawings


def _caption(one: Figure, runs: Any, history: Any) -> str:
    """What a figure shows."""
    if one.kind == "curves":
        return f"Interquartile mean of {one.words} over {one.axis}, with 95 % bands"
    what = f"Interquartile mean of {one.words} with its 95 % interval; thin strokes: the runs"
    start = before(history)
    known = any(math.isfinite(start.get(cell, math.nan)) for cell in one.of(runs)["cell"])
    return what + ("; dotted: before training" if known else "")


def measures(name: str) -> str:
    """A row for each variant and point of the axes; a long table is folded."""
    sweep, runs, history = quoted.record(name)
    axes = [axis.name for axis in sweep.axes if runs[axis.name].nunique() > 1]
    columns = [word.strip() for word in COLUMNS.get(name, USUAL).split(",")]
    if runs["seed"].nunique() > 1:
        columns = with_worst(columns)
    heads = (
        "method",
        *(words.axis(axis).heading for axis in axes),
        *(words.measure(name).heading or words.measure(name).text for name in columns),
    )
    body = rows(runs, history, axes, columns, sweep)
    text = table(heads, body)
    return folded(text, f"All {len(body)} rows") if len(body) > FOLD else text


def rows(
    runs: Any,
    history: Any,
    axes: Sequence[str],
    columns: Sequence[str],
    sweep: Sweep | None = None,
) -> list[list[str]]:
    """A row for each variant and point of the axes; a default that was another then is said.

    Raises:
        ValueError: a column that the record does not have.
    """
    body = []
    for place, part in runs.groupby(["label", *axes], sort=False):
        good, failed = finished(part), len(part) - len(finished(part))
        day = of_its_day(sweep, str(part["method"].iloc[0])) if sweep else ""
        row = [", ".join(filter(None, (f"`{place[0]}`", day)))]
        row += [
            escape(words.axis(axis).point(point))
            for axis, point in zip(axes, place[1:], strict=True)
        ]
        row += [cell(good, history, name) for name in columns]
        if failed:  # said beside the first number, whichever that is
            first = 1 + len(axes)
            row[first] = ", ".join(text for text in (row[first], f"{failed} failed") if text)
        body.append(row)
    return body


def cell(runs: Any, history: Any, name: str) -> str:
    """A measure of some runs: its interquartile mean, with an interval where that is worth its
    width."""
    if not len(runs):
        return ""
    if name == WORST:
        return worst(runs, history)
    if name == "nats_per_point":
        cost = price(runs, history)
        return "not measured" if cost is None else paid(cost)
    values = quoted.measured(runs, history, name)[name].dropna().to_numpy(dtype=float)
    if not len(values):
        return "not reached" if "@" in name else "not measured"
    estimate = interval(values)
    short = f", {len(values)} of {len(runs)}" if len(values) < len(runs) else ""
    if (name in SPREAD or "@" in name) and math.isfinite(estimate.low):  # one run has no interval
        return escape(quoted.written(estimate, name, digits=MORE.get(name)) + short)
    return quoted.number(estimate.value, name) + short


def with_worst(columns: list[str]) -> list[str]:
    """Columns with the worst run beside the accuracy: an interquartile mean does not show what
    collapsed."""
    if "sampled" not in columns or WORST in columns:
        return columns
    after = columns.index("sampled") + 1
    return [*columns[:after], WORST, *columns[after:]]


def worst(runs: Any, history: Any) -> str:
    """The lowest accuracy of some runs, and how many of them collapsed."""
    least = float(runs["sampled"].min())
    lost = derive(runs, history).get("collapsed")
    count = 0 if lost is None else int(lost.sum())
    return f"{least:.2f}" + (f", {count} of {len(runs)} collapsed" if count else "")


def paid(price: Price) -> str:
    """Thousandths of a nat a point."""
    without = (
        f", {price.runs_without_gain:.0f} of {price.runs} gained nothing"
        if price.runs_without_gain
        else ""
    )
    return escape(quoted.written(price, "nats_per_point")) + without


def verdicts(name: str) -> str:
    """What was predicted beside the result; empty for a sweep that predicts nothing."""
    judged = predicted(name)
    if not judged:
        return ""
    text = table(("result", "predicted", "measured"), map(_line, judged))
    parts = ["## Predictions and results"]
    if len(judged) > SHORT:
        parts.append(f"Predictions: {counted(judged)}.")
        text = folded(text, f"All {len(judged)} rows")
    parts.append(text)
    return "\n\n".join([*parts, *over_how_many(judged)])


def counted(judged: Sequence[Finding]) -> str:
    """How many predictions came to what; those of too few seeds are counted together."""
    count = Counter(
        finding.plain(words.WORDS)[0].partition(",")[0] for finding in judged if not finding.seeds
    )
    came = [f"{number} {verdict}" for verdict, number in count.most_common()]
    described = [finding for finding in judged if finding.seeds]
    if described:
        came.append(f"{len(described)} described by {described[0].seeds}, not decided")
    return ", ".join(came)


def over_how_many(judged: Sequence[Finding]) -> list[str]:
    """How many questions the findings of a sweep were corrected over, beside the smallest p-value
    that is left; and where today's test decides otherwise, why both stand there."""
    told = []
    if known := [finding.corrected for finding in judged if not math.isnan(finding.corrected)]:
        smallest = min(known)
        value = "below 0.001" if smallest < 0.001 else f"{smallest:.3f}"
        family = max(finding.family for finding in judged)
        told.append(
            f"Corrected over {family} questions; the smallest p-value of a prediction is then {value}."
        )
    return [*told, why_both(judged)] if why_both(judged) else told


def _line(finding: Finding) -> tuple[str, str, str]:
    verdict, measured = finding.plain(words.WORDS)
    return verdict, escape(finding.prediction.in_full), escape(measured)


def choices(name: str) -> str:
    """What the tuning rule chose for each variant of a tuning sweep, and the best that it found; a
    choice at the end of an axis says *edge*. Empty for any other sweep."""
    if name not in FURTHER:
        return ""
    sweep, runs, _ = quoted.record(name)
    axes = [axis.name for axis in sweep.axes]
    heads = (
        "method",
        *(words.axis(axis).heading for axis in axes),
        "its accuracy",
        "the best",
        "KL per batch",
    )
    lines = [
        (
            f"`{row['label']}`",
            *(
                words.axis(axis).point(row[axis]) + " *edge*" * (axis in row["edges"])
                for axis in axes
            ),
            f"{row['score']:.3f}",
            f"{row['best']:.3f}",
            quoted.number(row["kl"], "kl"),
        )
        for row in summary(sweep, runs, each=FURTHER[name]).to_dict("records")
    ]
    return table(heads, lines)


def made_again(name: str) -> str:
    """How many runs, what made them, and the commands that make and check them again."""
    sweep, runs, _ = quoted.record(name)
    text, (again, check) = made(name, runs)
    text = f"{sweep.budget.steps} batches; {text[0].lower()}{text[1:]}"
    if sweep.awaited:
        text = f"So far {description(sweep, rule_of(sweep))}; {text}"
    known = f" {sweep.provenance}" if sweep.provenance else ""
    return f"{escape(text + known)} `{again}` runs it again; `{check}` checks a sample of it."


def made(name: str, runs: Any) -> tuple[str, list[str]]:
    """The facts of a record in a sentence, and its two commands."""
    hours = runs["cpu_seconds"].sum() / 3600
    seeds = sorted(runs["seed"].unique())
    spread = (
        f"seeds {seeds[0]} to {seeds[-1]}"
        if len(seeds) > 2
        else "seeds " + " and ".join(map(str, seeds))
    )
    facts = [
        trained(runs),
        f"{len(runs)} runs, {spread}",
        f"{hours:.1f} core-hours of training"
        if hours >= 0.05
        else f"{60 * hours:.0f} core-minutes of training",
    ]
    facts += [
        ", ".join(sorted(runs[column].dropna().astype(str).unique()))
        for column in ("date", "hardware", "versions")
    ]
    commits = ", ".join(sorted(runs["commit"].dropna().astype(str).unique()))
    facts += [f"commit {commits}"] if commits else []
    return " · ".join(facts) + ".", [f"trlib sweep {name} --remake", f"trlib sweep {name} --verify"]


def trained(runs: Any) -> str:
    """At which learning rates, and with how many updates from batches of which size: without these,
    no result means anything. Of what a run did not set, the loop's default is named."""
    usual = {one.name: one.default for one in settings_of(RunSettings)}
    given = [{**usual, **json.loads(row)} for row in runs["train"].unique()]

    def several(values: set[Any], spell: Any = str) -> str:
        ordered = sorted(values)
        return (
            spell(ordered[0])
            if len(ordered) == 1
            else f"{', '.join(map(spell, ordered[:-1]))} or {spell(ordered[-1])}"
        )

    rates = several({one["lr"] for one in given}, written_rate)
    updates = several({one["epochs"] * one["minibatches"] for one in given})
    sizes = several(
        {(one["prompts"], one["group"]) for one in given}, lambda size: f"{size[0]} x {size[1]}"
    )
    return (
        f"Learning rate {rates}; {updates} update{'' if updates == '1' else 's'} from each "
        f"batch of {sizes}"
    )


def written(name: str) -> str:
    """What the runs of a sweep that keeps texts write after its first prompt, in the middle and at
    the end; empty: it keeps none."""
    sweep, runs, _ = read(name)
    if not sweep.texts:
        return ""
    axes = [axis.name for axis in sweep.axes]
    heads = ["method", *(words.axis(axis).heading for axis in axes), "in the middle", "at the end"]
    lines = [f"| {' | '.join(heads)} |", f"|{' --- |' * len(heads)}"]
    asked = ""
    for _, run in runs.iterrows():
        prompts, texts = texts_of(run)
        batches, asked = sorted(texts), prompts[0]
        both = (texts[batches[len(batches) // 2]][0], texts[batches[-1]][0])
        place = [words.axis(axis).point(run[axis]) for axis in axes]
        said = [f"`{text.strip() or ' '}`{' ✓' if reward else ''}" for text, reward in both]
        lines.append(f"| {' | '.join([run['label'], *place, *said])} |")
    return "\n".join([f"## What they wrote after `{asked}`", "", *lines])


def all_sweeps() -> list[tuple[str, ...]]:
    """A row for each sweep that has a page."""
    found: list[tuple[str, ...]] = []
    for name in shown():
        sweep, runs, _ = read(name)
        found.append(
            (
                f"[{sweep.text}](../trlab/records/{name}/{PAGE})",
                str(len(runs)),
            )
        )
    return found
