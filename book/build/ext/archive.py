"""The recorded sweeps as a database: `{sweeps}`, a table of all, and a page of each.

A page holds what a sweep asks, its figures, its table, its predictions beside the results, and the
commands that run it again. It is written from the declaration and the record; what the runs say in
words stands where a chapter needs it.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

from book.build.ext import quoted, words
from book.build.ext.generated_tables import Table
from book.build.ext.modules import write_pages
from trlab.drawing.figure_registry import FIGURES
from trlab.record import all_recorded, read
from trlab.sweep import Sweep, load_sweep
from trlab.texts import texts_of
from trlab.verdicts import predicted

FOLDER = "book/records"
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
    "gated": "sampled, kl_median, luck, fits",
    "real_clip_or_mask": "sampled, kl, kept",
    "real_regions": "sampled, kl, kept",
    "real_methods": "sampled, kl, kept",
    "real_completions": "sampled, kl_median, luck, luck_scale",
}
"""The measures of a sweep's table, where they are not the usual ones."""
USUAL = "sampled, take_off, kl"
FURTHER = {
    "gallery_map": "```{sweep-choices} gallery_map\n:each: uses\n```\n",
    "relay_map": "```{sweep-choices} relay_map\n```\n",
}
"""A second table."""
MOST_FIGURES = 3


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
    asks = f"[{title(sweep_of(later))}]({later}.md) asks this better. " if later else ""
    return f"> {asks}[What we got wrong](../wrong.md) says why this page is not relied on.\n"


def title(sweep: Sweep) -> str:
    """What a page is headed with."""
    return (sweep.title or sweep.name)[0].upper() + (sweep.title or sweep.name)[1:]


def page(name: str) -> str:
    """The page of a sweep."""
    sweep = sweep_of(name)
    named = [key for key, one in FIGURES.items() if one.sweep == name and not one.beside][
        :MOST_FIGURES
    ]
    figures = [f"```{{recorded-figure}} {key}\n```" for key in named] or [
        f"```{{sweep-figure}} {name}\n```"
    ]
    return "\n\n".join(
        [
            f"# {title(sweep)}",
            sweep.text,
            replaced(name),
            *figures,
            f"```{{sweep-table}} {name}\n:columns: {COLUMNS.get(name, USUAL)}\n```",
            FURTHER.get(name, ""),
            *(
                ["## Predictions and results", f"```{{sweep-verdicts}} {name}\n```"]
                if sweep.predictions
                else []
            ),
            written(name),
            "## Make it again",
            f"```{{sweep-record}} {name}\n```",
            "All sweeps stand in [the table of recorded runs](../recorded.md), which also says "
            "how to read one.\n",
        ]
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


def write(app: Sphinx, config: Any) -> None:
    """Writes a page for every sweep; where only the first pages are built, the title of all
    others."""
    first = config.first_pages
    pages = {
        f"{name}.md": page(name)
        if not first or f"{FOLDER}/{name}" in first
        else f"# {title(sweep_of(name))}\n"
        for name in shown()
    }
    write_pages(Path(app.srcdir, FOLDER), pages, keep=set())


def rows() -> list[tuple[str, ...]]:
    """A row for each sweep that has a page."""
    found: list[tuple[str, ...]] = []
    for name in shown():
        sweep, runs, _ = read(name)
        came = Counter(
            finding.plain(words.WORDS)[0].partition(",")[0] for finding in predicted(name)
        )
        found.append(
            (
                f"[{title(sweep)}](records/{name}.md)",
                sweep.text,
                f"`{Path(sweep.task).name}`",  # one of ours is a file: not where it lies here
                ", ".join(words.axis(axis.name).heading for axis in sweep.axes) or "methods alone",
                str(len(runs)),
                ", ".join(f"{count} {result}" for result, count in came.most_common()) or "none",
            )
        )
    return found


class Sweeps(Table):
    """`{sweeps}`: a row for each sweep, which `book.js` sorts and filters."""

    headings = ("sweep", "asks", "task", "varies", "runs", "predictions")
    widths = (18, 38, 10, 14, 8, 12)
    kind = "sweeps sortable read-off"

    def rows(self) -> list[tuple[str, ...]]:
        for name in shown():
            quoted.note(self.env, name)
        return rows()

    def run(self) -> list[nodes.Node]:
        (table,) = super().run()
        for row in next(table.findall(nodes.tbody)):
            for column, axis in ((2, "task"), (3, "varies")):
                row[column][0]["classes"].append(f"axis-{axis}")
        return [table]


def connect(app: Sphinx) -> None:
    app.add_directive("sweeps", Sweeps)
    app.connect("config-inited", write, priority=100)  # before the table of contents is read
