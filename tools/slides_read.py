"""What a deck shows of a chapter, read off its built page by rule.

In the order of the page: the question and its picture, the words that the chapter brings, the idea, numbered formulas,
pseudocode, figures, what there is to play with, and each prediction with its answer on the slide behind it. Then the
exercises, what to keep and what is next. The ladder's page adds the changed line. `tools/slides.yml` says, chapter by
chapter, where a rule would choose badly; it names things and holds no sentence of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from html import escape
from pathlib import Path
from typing import Any

from bs4 import Tag

from tools.pdf_pages import NotPrintable
from tools.slides_page import (
    OPENED,
    Block,
    Deck,
    Slide,
    blocks,
    capital,
    closed,
    from_predict,
    inner,
    is_task,
    listed,
    named,
    opened,
    paragraphs,
    predicts,
    prose,
    rungs,
    sentences,
    split,
    summary,
    terms,
    text,
    told_in,
    without_number,
)
from trbook.address import Address

MOST = 20
"""Slides of a deck."""
GROUNDS = ("For practitioners", "Exercises", "Sources", "Next")
"""Sections whose figures and formulas do not become slides."""


class Reader:
    """Reads chapters of a built book, in their order: a word belongs to the first chapter that links to it."""

    def __init__(self, folder: Path, where: Address, choices: Mapping[str, Any]) -> None:
        self.folder, self.where, self.choices = folder, where, choices
        self.known: set[str] = set()
        self.terms = terms(folder)
        self.rungs = rungs(folder)

    def deck(self, name: str, number: str) -> Deck:
        """The slides of the chapter `name`.

        Raises:
            NotPrintable: a choice names what the chapter does not hold, or there is no question.
        """
        article, meanings = opened(self.folder / f"notebooks/{name}.html")
        self._links(article)
        return Chapter(self, name, number, article, meanings).deck()

    def skim(self, name: str) -> None:
        """Notes the words of a chapter that has no deck now."""
        article, _ = opened(self.folder / f"notebooks/{name}.html")
        found = (
            str(link["href"]).partition("glossary.html#")[2] for link in article.select("a[href*='glossary.html#']")
        )
        self.known.update(found)

    def _links(self, article: Tag) -> None:
        """A link to a page leads to the published book, or is plain words where there is none."""
        for link in article.find_all("a", href=True):
            href = str(link["href"])
            if re.match(r"[a-z]+:", href):
                continue
            link["data-to"] = href
            if self.where.pages and not href.startswith("#"):
                link["href"] = f"{self.where.pages}{href[3:] if href.startswith('../') else f'notebooks/{href}'}"
            else:
                del link["href"]
                link.name = "span"


class Chapter:
    """One chapter's page, on its way to slides."""

    def __init__(self, reader: Reader, name: str, number: str, article: Tag, meanings: Mapping[str, str]) -> None:
        self.reader, self.name, self.number, self.article, self.meanings = reader, name, number, article, meanings
        self.choices: Mapping[str, Any] = reader.choices.get(name) or {}
        self.blocks = list(blocks(article))
        self.used: set[int] = set()
        self.left: set[str] = set()
        """Figures that were left out."""
        heading = article.find("h1")
        self.title = inner(heading) if isinstance(heading, Tag) else name

    def deck(self) -> Deck:
        """All slides, at most `MOST`: of those with the highest rank the last goes first."""
        made = [*self._opening(), *self._middle(), *self._end()]
        left_out, asked = set(self.choices.get("leave_out", ())), set(self.choices.get("formulas") or ())
        shown = {slide.name for slide in made}
        for what, unknown in (("slide", left_out - self.left - shown), ("formula", asked - shown)):
            if unknown:
                raise NotPrintable(f"tools/slides.yml, {self.name}: no {what} {sorted(unknown)[0]}")
        made = [slide for slide in made if slide.name not in left_out]
        while len(made) > MOST:
            worst = max(slide.rank for slide in made)
            made.pop(max(place for place, slide in enumerate(made) if slide.rank == worst))
        return Deck(self.name, text(self.title), made)

    # The beginning

    def _opening(self) -> Iterator[Slide]:
        asked = next((block for block in self.blocks if block.part), None)
        if asked is None:
            raise NotPrintable(f"{self.name}: the page has no question to begin with")
        question = capital(asked.title.removeprefix("The question: "))
        strip = self.article.select_one(".trbook-strip")
        yield Slide("title", self.title, f'<p class="ask">{question}</p>', name="title")
        first = [block for block in self.blocks if block.part == asked.part]
        said = [block.tag for block in first if block.tag.name == "p"]
        body = "".join(f"<p>{part}</p>" for part in sentences(said[0], 60)) if said else ""
        if strip is not None:
            for line in strip.select("p a, p span[data-to]"):
                line.decompose()
            for line in strip.select("p"):
                if line.find(string=True):
                    line.find_all(string=True)[-1].replace_with(str(line.find_all(string=True)[-1]).rstrip(" ·"))
            body += str(strip)
        yield Slide("question", question, body, name="question")
        for block in first:
            figure = self._figure(block) or self._table(block)
            if figure:
                yield Slide("picture", question, figure, name=named(block))
                break
        words = self._words()
        if words:
            yield Slide("words", "The words", words, rank=2, name="words")

    def _words(self) -> str:
        """What the chapter is the first of the decks to link to in the glossary, five at most."""
        rows: list[str] = []
        for link in self.article.select("[data-to*='glossary.html#']"):
            ident = str(link["data-to"]).partition("#")[2]
            if ident in self.reader.known or ident not in self.meanings or ident not in self.reader.terms:
                continue
            self.reader.known.add(ident)
            if len(rows) < 5 and link.find_parent("details") is None:
                meaning = " ".join(split(self.meanings[ident], 34))
                rows.append(f"<dt>{self.reader.terms[ident]}</dt><dd>{escape(meaning)}</dd>")
        return f"<dl>{''.join(rows)}</dl>" if rows else ""

    # What the chapter goes through

    def _middle(self) -> Iterator[Slide]:
        changed = self.reader.rungs.get(self.name, [])
        formulas = self.choices.get("formulas")
        for place, block in enumerate(self.blocks):
            if block.part.startswith(GROUNDS) or id(block.tag) in self.used:
                continue
            previous = self.blocks[place - 1] if place else None
            if block.part.startswith("The idea") and (previous is None or previous.part != block.part):
                yield from self._idea(place)
            if predicts(block):
                yield from self._prediction(place)
            elif "math" in block.classes and block.tag.get("id"):
                ident = str(block.tag["id"]).removeprefix("equation-")
                if formulas is None or ident in formulas:
                    yield self._formula(place, 1 if formulas else 4)
            elif block.tag.name == "p" and text(block.tag).startswith("Pseudocode"):
                code = self.blocks[place + 1].tag
                yield Slide("code", escape(text(block.tag), quote=False), str(code), name="pseudocode")
                yield from changed
                changed = []
            elif block.tag.select_one(".trlib-explorable"):
                yield from self._play(place)
            else:
                figure = self._figure(block)
                if figure:
                    yield Slide("figure", block.title, figure, rank=2, name=named(block))
        yield from changed

    def _idea(self, place: int) -> Iterator[Slide]:
        body, title = "", self.blocks[place].title
        for block in self.blocks[place : place + 3]:
            if (
                block.part != self.blocks[place].part
                or predicts(block)
                or ("math" in block.classes and not body.endswith(":</p>"))
            ):
                break
            if block.tag.name in ("ul", "ol"):
                body += listed(block.tag, 70)
            elif block.tag.name == "p" and not body:
                body += paragraphs(sentences(block.tag, 70))
            elif "math" in block.classes:
                body += str(block.tag)
            else:
                break
        if body:
            yield Slide("idea", title, closed(body), rank=1, name="idea")

    def _formula(self, place: int, rank: int) -> Slide:
        block, body = self.blocks[place], ""
        for number in block.tag.select(".eqno"):
            number.decompose()
        before = self.blocks[place - 1].tag if place else None
        if before is not None and before.name == "p":
            body += f"<p>{sentences(before)[-1]}</p>"
        body += str(block.tag)
        if place + 1 < len(self.blocks) and self.blocks[place + 1].tag.name == "p":
            after = [part for part in sentences(self.blocks[place + 1].tag, 30) if re.search(r"[.?!)]$", text(part))]
            if after and not predicts(self.blocks[place + 1]):
                body += f"<p>{' '.join(after)}</p>"
        return Slide("formula", block.title, body, rank, str(block.tag["id"]).removeprefix("equation-"))

    def _play(self, place: int) -> Iterator[Slide]:
        block = self.blocks[place]
        still = block.tag.select_one(".trlib-still")
        if still is None or "tag_hide-cell" in block.classes:
            return
        near = self.blocks[place + 1 : place + 3] + self.blocks[max(0, place - 2) : place]
        tries = next((b.tag for b in near if b.tag.name in ("ol", "ul") and b.part == block.part), None)
        said = next((b.tag for b in near if b.tag.name == "p" and b.part == block.part), None)
        words = listed(tries, 60) if tries is not None else paragraphs(sentences(said, 40)) if said else ""
        name = str(block.tag.select_one(".trlib-explorable").get("data-explorable"))  # type: ignore[union-attr]
        yield Slide(
            "play",
            block.title,
            f'<div class="beside"><div class="still" inert>{still}</div><div>{words}</div></div>',
            3,
            name,
        )

    def _prediction(self, place: int) -> Iterator[Slide]:
        block = self.blocks[place]
        asked = "".join(f"<p>{part}</p>" for part in from_predict(block.tag))
        following = self.blocks[place + 1] if place + 1 < len(self.blocks) else None
        if following is not None and following.tag.name in ("ol", "ul"):
            asked += str(following.tag)
        figure = told = ""
        for later in self.blocks[place + 1 :]:
            if (later.part != block.part and later.part.startswith(GROUNDS)) or predicts(later):
                break
            if later.part != block.part:
                break
            hidden = {"tag_hide-cell", "tag_hide-output"} & set(later.classes)
            if not figure and hidden:
                figure = self._figure(later) or self._table(later)
                self.used.add(id(later.tag))
            if not told and later.tag.name == "details" and OPENED.search(summary(later.tag)):
                told = told_in(later.tag)
        number = sum(1 for b in self.blocks[:place] if predicts(b)) + 1
        name = f"predict-{number}"
        if not (figure or told):
            return
        yield Slide("predict", block.title, asked, 0, name)
        body = f'<div class="beside">{figure}<div>{told}</div></div>' if "<figure" in figure and told else figure + told
        yield Slide("answer", block.title, body, 0, f"{name}-answer")

    # Pictures and tables

    def _figure(self, block: Block) -> str:
        """A figure with its caption, cut to some sentences; empty where the block has none, or it is left out."""
        if named(block) in self.choices.get("leave_out", ()):
            self.left.add(named(block))
            return ""
        if id(block.tag) in self.used or "tag_exercise" in block.classes or "tag_solution" in block.classes:
            return ""
        figure = block.tag if block.tag.name == "figure" else block.tag.select_one("figure")
        drawing = block.tag.select_one(".trlib-drawing") if figure is None else figure.select_one(".trlib-drawing, img")
        if drawing is None:
            return ""
        self.used.add(id(block.tag))
        caption = figure.select_one(".caption-text") if figure is not None else None
        words = " ".join(sentences(caption, 45)) if caption is not None else ""
        legend = f"<figcaption>{words}</figcaption>" if words else ""
        return f'<figure><div class="picture">{drawing}</div>{legend}</figure>'

    def _table(self, block: Block) -> str:
        table = block.tag.select_one(".cell_output table")
        if table is None or len(table.select("tr")) > 9 or len(text(table).split()) > 90:
            return ""
        for style in table.select("style"):
            style.decompose()
        return f'<div class="table">{table}</div>'

    # The end

    def _end(self) -> Iterator[Slide]:
        tasks = [block.tag for block in self.blocks if block.part == "Exercises" and is_task(block.tag)]
        if tasks:
            rows = "".join(f"<li>{' '.join(sentences(without_number(tag), 26))}</li>" for tag in tasks)
            yield Slide("exercises", "Exercises", f"<ol>{rows}</ol>", name="exercises")
            yield self._task(tasks[-1])
        keep = self._keep()
        if keep:
            yield Slide("keep", "To keep", f"<ul>{''.join(f'<li>{part}</li>' for part in keep)}</ul>", name="keep")
        said = next(
            (block.tag for block in reversed(self.blocks) if block.part == "Next" and block.tag.name == "p"), None
        )
        if said is not None:
            body = paragraphs(sentences(said, 60))
            page = f"{self.reader.where.pages}notebooks/{self.name}.html" if self.reader.where.pages else ""
            link = f'<p class="from">The chapter: <a href="{page}">{page}</a></p>' if page else ""
            yield Slide("next", "Next", body + link, name="next")

    def _task(self, tag: Tag) -> Slide:
        """The last exercise, which runs what was built, with the lines that a reader fills in."""
        place = next(i for i, block in enumerate(self.blocks) if block.tag is tag)
        cell = next((b.tag for b in self.blocks[place + 1 :] if "tag_exercise" in b.classes), None)
        written = cell.select_one("pre") if cell is not None else None
        code = written.get_text() if written is not None else ""
        lines = [line for line in code.splitlines() if not re.match(r"(import|from) ", line)]
        shown = "\n".join(lines).strip()
        whole = without_number(tag)
        title = whole.find("strong")
        name = inner(title) if isinstance(title, Tag) else "Exercise"
        if isinstance(title, Tag):
            title.decompose()
        body = f"<p>{' '.join(sentences(whole, 90))}</p>" + (f"<pre>{escape(shown)}</pre>" if shown else "")
        return Slide("task", name.rstrip("."), body, name="task")

    def _keep(self) -> list[str]:
        """The sentences that `keep` names by their first words; else the page's bold sentences, five at most."""
        places = [b for b in self.blocks if b.part and not b.part.startswith(("Exercises", "Sources", "Next"))]
        every = [part for block in places for tag in prose(block.tag) for part in sentences(tag)]
        wanted = self.choices.get("keep")
        if wanted is None:
            return [part for part in every if re.match(r"<strong>(?!Predict|Pseudo).*[.?!]</strong>$", part)][:5]
        found = []
        for starts in wanted:
            parts = []
            for start in [starts] if isinstance(starts, str) else starts:
                part = next((part for part in every if text(part).startswith(start)), None)
                if part is None:
                    raise NotPrintable(f"tools/slides.yml, {self.name}: no sentence begins with {start!r}")
                parts.append(part)
            found.append(" ".join(parts))
        return found
