"""What the first page shows: `{first-lane}`, one lane of the playground and three doors; `{opening}`, a completion
before and after training beside the recorded runs; and `{loop}`, the loop to explore. `{basin}`, `{playground}` and
`{diagnose}` are explorables for pages that are not notebooks.

The completions stand in `book/opening.json`, which `tools.opening` makes; the curve is drawn from the record of
`dial_methods`. Text and curve change when these do.
"""

from __future__ import annotations

import html
import json
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from bookext import quoted
from trbook.explorables import Basin, Diagnose, Loop, Playground
from trbook.explorables.files import BUILT
from trlib.drawing import Drawing, panels

SWEEP, LABEL = "dial_methods", "grpo"
START = "notebooks/00_quickstart"
BLUE = "#0072b2"


class Opening(SphinxDirective):
    """Before and after, the button that starts, and the reward of eight recorded runs."""

    def run(self) -> list[nodes.Node]:
        file = Path(self.env.srcdir, "book", "opening.json")
        self.env.note_dependency(str(file))
        quoted.note(self.env, SWEEP)
        shown = json.loads(file.read_text(encoding="utf-8"))
        _, _, history = quoted.record(SWEEP)
        rewards = history[history["label"] == LABEL].pivot(index="batch", columns="seed", values="reward")
        drawing, caption = curve(rewards)
        start = self.env.app.builder.get_relative_uri(self.env.docname, START)
        return [nodes.raw("", page(shown, drawing.html(), caption, start), format="html")]


def page(shown: dict[str, Any], drawing: str, caption: str, start: str) -> str:
    """The picture's HTML."""
    moves = html.escape(shown["prompt"])
    before, after = (
        _answer(name, shown[key])
        for name, key in (("before", "before"), (f"after {shown['batches']} batches", "after"))
    )
    return f"""<div class="opening">
<div class="opening-say"><p class="opening-ask"><code>{moves}</code> A dial with 20 places: where does it end?</p>
<dl>{before}{after}</dl>
<p><a class="opening-start" href="{start}">Start: watch it learn, in one minute</a></p></div>
<figure>{drawing}<figcaption><p>{html.escape(caption)}</p></figcaption></figure>
</div>"""


def _answer(when: str, answer: dict[str, Any]) -> str:
    verdict = "right" if answer["reward"] else "wrong"
    mark = "✓" if answer["reward"] else "✕"
    return (
        f'<div class="opening-{verdict}"><dt>{html.escape(when)}</dt><dd><code>{html.escape(answer["text"])}</code>'
        f"<span>{mark} {verdict}; {answer['right']} of {answer['of']} answers are right</span></dd></div>"
    )


def curve(rewards: Any) -> tuple[Any, str]:
    """Reward over batches, a table of batches by seeds, as a drawing and its caption."""
    figure, (ax,) = panels(height=2.3, width=3.7)
    middle = rewards.mean(axis=1)
    ax.fill_between(rewards.index, rewards.min(axis=1), rewards.max(axis=1), color=BLUE, alpha=0.25, lw=0)
    ax.plot(rewards.index, middle, color=BLUE)
    ax.set(xlabel="batch", ylabel="share of right answers", ylim=(0, 1))
    first, last = middle.iloc[0], middle.iloc[-1]
    seeds, batches = rewards.shape[1], len(rewards)
    alt = (
        f"The share of right answers over {batches} batches of training: it rises from {first:.2f} to {last:.2f}. "
        f"The band of {seeds} runs is narrow."
    )
    return Drawing(figure, alt=alt), (
        f"{seeds} recorded runs of GRPO, their mean and range: from {first:.2f} to {last:.2f} right. All that the "
        f"runs were told is which of their own answers were right."
    )


DOORS = (
    (START, "Learn it", "a quickstart of twenty minutes, then a chapter for each question"),
    ("book/diagnose", "Is my run fine?", "clip ratio, mismatch and staleness, from a run's log-probabilities"),
    ("book/methods/index", "Find a method", "all of them side by side: what each one changes, and how it did"),
)
"""Page, name, and what is behind it."""


class FirstLane(SphinxDirective):
    """What the first screen holds: one lane of the playground, and three doors."""

    def run(self) -> list[nodes.Node]:
        file = Path(self.env.srcdir, "book", "opening.json")
        self.env.note_dependency(str(file))
        prompt = json.loads(file.read_text(encoding="utf-8"))["prompt"]
        lane = Playground(preset="opening", prompt=prompt, small=True).html()
        relative = self.env.app.builder.get_relative_uri
        doors = "".join(
            f'<a href="{relative(self.env.docname, page)}"><b>{name}</b><span>{html.escape(behind)}</span></a>'
            for page, name, behind in DOORS
        )
        nav = f'<nav class="doors" aria-label="Where to begin">{doors}</nav>'
        return [nodes.raw("", f'<div class="first-lane">{lane}</div>{nav}', format="html")]


class LoopDirective(SphinxDirective):
    """The explorable of the loop, as a notebook would show it."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", Loop().html(), format="html")]


class BasinDirective(SphinxDirective):
    """The basin explorer, as a notebook would show it."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(BUILT / f"{Basin.module}.data.json"))
        return [nodes.raw("", Basin().html(), format="html")]


class DiagnoseDirective(SphinxDirective):
    """The diagnosis of a dump in the page."""

    def run(self) -> list[nodes.Node]:
        self.env.note_dependency(str(BUILT / f"{Diagnose.module}.data.json"))
        return [nodes.raw("", Diagnose().html(), format="html")]


class Learning(SphinxDirective):
    """The playground, with the preset that is named, as wide as the window lets it be; `:contest:` adds the contest."""

    optional_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {"contest": directives.flag}

    def run(self) -> list[nodes.Node]:
        playground = Playground(preset="".join(self.arguments), contest="contest" in self.options)
        return [nodes.raw("", f'<div class="wide-figure">{playground.html()}</div>', format="html")]


def connect(app: Sphinx) -> None:
    app.add_directive("opening", Opening)
    app.add_directive("first-lane", FirstLane)
    app.add_directive("loop", LoopDirective)
    app.add_directive("basin", BasinDirective)
    app.add_directive("diagnose", DiagnoseDirective)
    app.add_directive("playground", Learning)
