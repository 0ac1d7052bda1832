"""The built book's pages as one document that can be printed.

What a screen folds is opened, unless it holds nothing but a figure's code. Solutions, and the
answers to predictions, move to the end; drawings for phones and everything that needs a click are
left out, and each page's ids get its name in front of them, so that a link to another page becomes
a link inside the document. A link to a page that is not printed leads to the published book, or is
plain words where there is none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from html import escape
from itertools import takewhile
from pathlib import Path, PurePosixPath
from posixpath import normpath
from typing import Any

import yaml
from bs4 import BeautifulSoup, Tag

from tools.paths import ROOT
from trbook.address import Address

LEFT_OUT = (
    "book/interface/",
    "book/playground",
    "book/own",
    "book/taxonomy",
    "book/recorded",
    "book/atlas",
)
"""Pages that are of no use on paper: the interface is read beside the code, the playground has to
be played with, and tables of runs and of losses are looked up, never read."""
NOT_PRINTED = (
    "script",
    "button",
    ".headerlink",
    ".executed",
    ".meaning",
    ".on-phone",
    ".filters",
    ".copybtn",
    ".trlib-verdict",
    ".first-lane",
    ".wrong-answers",
    "details.predictions > table",
    "dl.py",
    "noscript",
)
NUMBER = "\ue000{}\ue001"
"""Stands for the number of the page on which a target is printed."""
GLOSSARY = "book/glossary"
SOLUTIONS = "Answers and solutions"
SHORT = 260
"""Letters of a paragraph that no page parts: two or three lines."""
LEAVES = ("p", "li", "pre", "tr", "dd", "figure", "h2", "h3", "h4")
LAST = 4
"""Lines or blocks at a chapter's end that stay on one page."""
PREDICT = re.compile(r"(^|[.:!?] )Predict\b")
EXECUTED = re.compile(r'<div class="executed">(?:<details><summary>)?([^<]*)')


class NotPrintable(Exception):
    """The book cannot be printed as it is; the message says why and what to do."""


@dataclass
class Part:
    """A part of the table of contents."""

    title: str
    pages: dict[str, str]
    """Name to title, which is empty where the page's own heading is its title."""


@dataclass
class Page:
    """One page of the book, ready for print."""

    name: str
    title: str
    body: Tag
    solutions: list[Tag] = field(default_factory=list)


def parts(toc: Path = ROOT / "_toc.yml") -> list[Part]:
    """What is printed, in the order of the table of contents."""

    def files(node: Any) -> Iterator[tuple[str, str]]:
        for item in node:
            # The pages of a folder, such as those of single sweeps: read on a screen.
            if "file" not in item:
                continue
            yield item["file"], item.get("title", "")
            yield from files(item.get("sections", ()))

    content = yaml.safe_load(toc.read_text(encoding="utf-8"))
    chosen = [Part("", {content["root"]: ""})]
    for part in content["parts"]:
        pages = {
            name: title for name, title in files(part["chapters"]) if not name.startswith(LEFT_OUT)
        }
        chosen.append(Part(part["caption"], pages))
    return [part for part in chosen if part.pages]


def slug(name: str) -> str:
    """What stands before the ids of a page."""
    return name.replace("/", "-")


def check(folder: Path, names: Sequence[str]) -> None:
    """Whether the built book in `folder` holds these pages, and the chapters among them with their
    results.

    Raises:
        NotPrintable: a page is missing, or a chapter was not executed.
    """
    missing = [name for name in names if not (folder / f"{name}.html").exists()]
    if missing:
        what = f"no page {missing[0]}" if any(folder.rglob("*.html")) else "no book"
        raise NotPrintable(f"{folder}: {what} here; `make html` builds the book")
    for name in names:
        if name.startswith("notebooks/"):
            line = EXECUTED.search((folder / f"{name}.html").read_text(encoding="utf-8"))
            if line is None or not line[1].startswith("Executed "):
                raise NotPrintable(
                    f"{name} has not been executed, so its page shows no results: run `make html` "
                    "again"
                )


class Reader:
    """Reads pages of a built book; all of one book share it, because links lead from page to
    page."""

    def __init__(self, folder: Path, names: Sequence[str], where: Address) -> None:
        self.folder, self.names, self.where = folder, frozenset(names), where
        self.mentions: dict[str, list[tuple[str, str]]] = {}
        """By the id of a glossary's entry, or of a page: the pages that link to it, each with its
        first link's id."""

    def page(self, name: str) -> Page:
        """A page, ready for print."""
        text = (self.folder / f"{name}.html").read_text(encoding="utf-8")
        match = re.search(r"<article.*?</article>", text, re.DOTALL)
        if match is None:
            raise NotPrintable(
                f"{name}: the page has no article; the book was built by another version"
            )
        body = BeautifulSoup(match[0], "html.parser").article
        assert body is not None
        self._strip(body)
        _unfold(body)
        self._rename(body, name)
        self._link(body, name)
        heading = body.find("h1")
        title = " ".join(heading.get_text().split()) if heading else name
        solutions = _solutions(body, slug(name))
        answers = _answers(body, slug(name))
        answers += _replies(body, slug(name), len(answers))
        solutions = answers + solutions
        _keep(body)
        return Page(name, title, body, solutions)

    def _strip(self, body: Tag) -> None:
        for unwanted in body.select(", ".join(NOT_PRINTED)):
            unwanted.decompose()
        for hidden in body.select(".toctree-wrapper"):
            if not hidden.get_text(strip=True):
                hidden.decompose()  # at the foot of a full page it would begin an empty one
        for still in body.select(".trlib-still"):
            # A sentence in the room of a figure.
            if still.find("template") is None and still.parent is not None:
                still.parent.attrs.pop("style", None)
                still.string = still.get_text().replace(
                    "It needs JavaScript.", "It moves in the book on a screen."
                )
        # A selector sees no template's inside.
        for button in body.find_all("button", attrs={"data-start": "play"}):
            bar = button.find_parent(class_="bar")
            if bar is not None:
                for words in [
                    *bar.find_previous_siblings("p", class_="ask"),
                    *bar.find_next_siblings("p"),
                ]:
                    words.decompose()
                bar.decompose()

    def _rename(self, body: Tag, name: str) -> None:
        """Puts the page's name before every id, and before what refers to one inside the page."""
        mark = f"{slug(name)}--"
        for tag in body.find_all(True):
            for key, value in list(tag.attrs.items()):
                if key in ("id", "for"):
                    tag[key] = mark + str(value)
                elif key in ("aria-labelledby", "aria-describedby"):
                    tag[key] = " ".join(mark + one for one in str(value).split())
                elif (
                    key in ("href", "xlink:href") and tag.name != "a" and str(value).startswith("#")
                ):
                    tag[key] = f"#{mark}{str(value)[1:]}"
                elif isinstance(value, str) and "url(#" in value:
                    tag[key] = value.replace("url(#", f"url(#{mark}")
                elif key == "src" and not str(value).startswith(("data:", "http")):
                    tag[key] = (self.folder / name).parent.joinpath(str(value)).resolve().as_uri()
        body["id"] = slug(name)

    def _link(self, body: Tag, name: str) -> None:
        """Leads links to where their targets are printed, and puts the page's number behind
        them."""
        for count, link in enumerate(body.find_all("a", href=True)):
            href = str(link["href"])
            if re.match(r"[a-z]+:", href):
                continue
            path, _, anchor = href.partition("#")
            target = normpath(PurePosixPath(name).parent.joinpath(path)) if path else f"{name}.html"
            page = target.removesuffix(".html")
            if page not in self.names:
                self._outside(link, target, anchor)
                continue
            ident = f"{slug(page)}--{anchor}" if anchor else slug(page)
            link["href"] = f"#{ident}"
            link["id"] = link.get("id") or f"{slug(name)}---{count}"
            if page != name:
                seen = self.mentions.setdefault(ident, [])
                if all(other != name for other, _ in seen):
                    seen.append((name, str(link["id"])))
                if page != GLOSSARY:
                    link.insert_after(BeautifulSoup(reference(ident), "html.parser"))

    def _outside(self, link: Tag, target: str, anchor: str) -> None:
        if self.where.pages and not target.startswith(".."):
            link["href"] = f"{self.where.pages}{target}" + (f"#{anchor}" if anchor else "")
        else:
            link.unwrap()


def reference(ident: str) -> str:
    """The number of the page on which `ident` is printed, as HTML."""
    return f'<span class="to-page">p. {NUMBER.format(escape(ident))}</span>'


def _unfold(body: Tag) -> None:
    """Opens every fold. A fold around a cell's code goes, with the code: a figure says what it
    shows without it."""
    for fold in body.find_all("details"):
        classes = list(fold.get("class") or [])
        cell = fold.find_parent(class_="cell")
        if "above-input" in classes and not (cell and "tag_solution" in (cell.get("class") or [])):
            for code in fold.find_all(class_="cell_input", recursive=False):
                code.decompose()
        summary = fold.find("summary", recursive=False)
        if summary is not None:
            if "hide" in classes:
                summary.decompose()
            else:
                summary.name, summary["class"] = "p", "fold-title"
        fold.name = "div"
        fold["class"] = "opened" if "hide" in classes else "fold"
    for cell in body.select(".cell"):
        if not cell.get_text(strip=True) and not cell.find(["svg", "img", "template"]):
            cell.decompose()


def _keep(body: Tag) -> None:
    """Marks what stays together: a short line with what it leads to, and the last lines of a
    chapter."""
    for line in body.find_all("p"):
        after = line.find_next_sibling()
        leads = isinstance(after, Tag) and after.name not in ("p", "section")
        if len(line.get_text()) < SHORT and not line.get("class"):
            line["class"] = "unparted leads" if leads else "unparted"
    for heading in body.find_all(["h2", "h3", "h4"]):
        after = heading.find_next_sibling()
        # Chromium breaks between the two.
        if isinstance(after, Tag) and after.select_one(".trlib-explorable"):
            box = heading.wrap(_html('<div class="together"></div>'))
            box.append(after.extract())
    leaves = [leaf for leaf in body.find_all(LEAVES) if leaf.find(LEAVES) is None]
    for leaf in leaves[1:][-LAST:]:
        has = leaf.get("class") or ()
        leaf["class"] = " ".join([*([has] if isinstance(has, str) else has), "with-above"])


def _answers(body: Tag, name: str) -> list[Tag]:
    """Takes the answers to predictions out of a page: what is folded after the question, one
    fold of prose and the cells around it."""
    taken: list[Tag] = []
    for question in body.find_all("p"):
        if not PREDICT.search(question.get_text()) and not _is(
            question.find_next_sibling(), "tag_hide-output"
        ):
            continue
        answer: list[Tag] = []
        for after in question.find_next_siblings():
            told = any(_is(piece, "fold") for piece in answer)
            if _is(after, "tag_hide-cell") or (_is(after, "fold") and not told):
                answer.append(after)
            elif told:
                break
            elif _is(after, "tag_hide-output"):
                answer += after.select(".opened")
            elif answer or not (after.name == "ol" or _is(after, "cell")):
                break
        if answer:
            number = len(taken) + 1
            box = _html(f'<div><p class="fold-title">Answer {number}</p></div>')
            answer[0].insert_before(box)
            for piece in answer:
                box.append(piece.extract())
            taken.append(_moved(box, name, "answer", number))
    return taken


def _replies(body: Tag, name: str, before: int) -> list[Tag]:
    """Takes out of a page what is folded under the choices of a question; the choices stay, as a
    list."""
    taken: list[Tag] = []
    while first := next(filter(_is_reply, body.select(".fold")), None):
        choices = [first, *takewhile(_is_reply, first.find_next_siblings())]
        listed, number = _html("<ul></ul>"), before + len(taken) + 1
        box = _html(f'<div><p class="fold-title">Answer {number}</p></div>')
        first.insert_before(listed, box)
        for choice in choices:
            title = choice.select_one(".fold-title")
            listed.append(_html(f"<li>{title.decode_contents() if title else ''}</li>"))
            box.append(choice.extract())
        taken.append(_moved(box, name, "answer", number))
    return taken


def _is_reply(tag: Any) -> bool:
    """Whether a fold holds the reply to a choice."""
    said = tag.find("em") if _is(tag, "fold") else None
    return said is not None and said.get_text() in ("Right.", "Not yet.")


def _solutions(body: Tag, name: str) -> list[Tag]:
    """Takes the solutions out of a page."""
    return [
        _moved(cell, name, "solution", number)
        for number, cell in enumerate(body.select(".tag_solution"), start=1)
    ]


def _moved(piece: Tag, name: str, kind: str, number: int) -> Tag:
    """A piece, taken out of its page; where it stood, a line says on which page it is."""
    ident = f"{name}-{kind}-{number}"
    link = f'<a href="#{ident}">{number}</a> {reference(ident)}'
    piece.replace_with(_html(f'<p class="solved">{kind.capitalize()}: {link}</p>'))
    piece["id"] = ident
    return piece


def _is(tag: Any, word: str) -> bool:
    """Whether a tag has a class."""
    has = tag.get("class") or () if isinstance(tag, Tag) else ()
    return word in (has.split() if isinstance(has, str) else has)


def _html(text: str) -> Tag:
    """One element."""
    made = BeautifulSoup(text, "html.parser").find()
    assert isinstance(made, Tag)
    return made
