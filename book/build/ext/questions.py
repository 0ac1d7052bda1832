"""A page of its own for each question, so that it can be found, linked and shared by itself.

The answers stand in the files of `book/questions`, some dozen in each. Of such a file's page the build leaves a list:
each question with its short answer, at the anchor that it has always had, from which a reader is led on. The rest of
it moves to a page beside the list, which is named as the anchor, and every link in the book follows."""

from __future__ import annotations

import html
import re
from functools import cache
from posixpath import dirname, join, normpath
from typing import Any

from sphinx.application import Sphinx

from book.build.ext.search import QUESTIONS, TAG, _kept

LINK = re.compile(r'href="([^"#:?]*)#([^"]+)"')
HEADING = re.compile(r"<(/?)h2\b")
ANSWER = re.compile(r"<p><strong>.*?</p>", re.DOTALL)


@cache
def asked(env: Any) -> dict[str, dict[str, str]]:
    """The questions of each list, by their anchors.

    Raises:
        ValueError: two have one name, and one page would replace the other.
    """
    lists = {
        name: {unit.anchor: unit.heading for unit in page.units[1:]}
        for name, page in sorted(_kept(env).items())
        if name.startswith(QUESTIONS)
    }
    every = [anchor for questions in lists.values() for anchor in questions]
    if twice := {anchor for anchor in every if every.count(anchor) > 1}:
        raise ValueError(f"questions: expected another name for each, got {sorted(twice)} twice")
    return lists


def pages(env: Any) -> dict[str, str]:
    """The page of each question, and the list that it belongs to."""
    return {
        f"{QUESTIONS}{anchor}": name for name, anchors in asked(env).items() for anchor in anchors
    }


def linked(env: Any, page: str, body: str) -> str:
    """A page whose links to a question lead to the question's own page."""

    def follow(link: re.Match[str]) -> str:
        path, anchor = link.groups()
        name = normpath(join(dirname(page), path))[: -len(".html")] if path else page
        if anchor not in asked(env).get(name, ()):
            return link[0]
        return f'href="{path.rpartition("/")[0]}{"/" if "/" in path else ""}{anchor}.html"'

    return (
        LINK.sub(follow, body)
        if page.startswith("book/questions") or "questions/" in body
        else body
    )


def divided(body: str, anchors: list[str]) -> tuple[str, list[str], str]:
    """What stands on a list's page before its first question, each question, and what is left."""
    starts = [body.index(f'<section id="{anchor}"') for anchor in anchors]
    end = body.rindex("</section>")
    return (
        body[: starts[0]],
        [body[a:b] for a, b in zip(starts, [*starts[1:], end], strict=True)],
        body[end:],
    )


def listed(question: str, anchor: str) -> str:
    """A question as its list shows it: a heading that leads to its page, and the short answer."""
    head, _, rest = question.partition("</h2>")
    before, _, title = head.rpartition("<h2>")
    words, _, _ = title.partition('<a class="headerlink"')
    answer = ANSWER.search(rest)
    link = f'<h2><a class="question" href="{anchor}.html">{words}</a></h2>'
    return f"{before}{link}\n{answer[0] if answer else ''}\n</section>\n"


def described(question: str) -> str:
    """The short answer in plain words."""
    answer = ANSWER.search(question)
    return " ".join(TAG.sub("", answer[0]).split()) if answer else ""


def write(app: Sphinx, page: str, context: dict[str, Any], put: Any) -> None:
    """Writes the pages of a list's questions, and leaves the list in its context."""
    questions = asked(app.env)[page]
    anchors, titles = (
        [*questions],
        [html.escape(title, quote=False) for title in questions.values()],
    )
    start, parts, end = divided(context["body"], anchors)
    links = [
        {"link": f"{anchor}.html", "title": title}
        for anchor, title in zip(anchors, titles, strict=True)
    ]
    above = f'<p class="above"><a href="{page.rpartition("/")[2]}.html">{context["title"]}</a></p>'
    for i, (anchor, part) in enumerate(zip(anchors, parts, strict=True)):
        put(
            f"{QUESTIONS}{anchor}",
            {
                **context,
                "title": titles[i],
                "body": above + HEADING.sub(r"<\1h1", part),
                "meta": {"description": described(part)},
                "prev": links[i - 1] if i else None,
                "next": links[i + 1] if i + 1 < len(links) else None,
                "toc": "",
                "display_toc": False,
                "sourcename": "",
            },
        )
    context["body"] = start + "".join(map(listed, parts, anchors)) + end


def begin(app: Sphinx) -> None:
    """Lets the builder write a list's questions with the list, in the process that has it in hand."""
    builder: Any = app.builder
    if builder.format != "html":
        return
    put = builder.handle_page

    def handle_page(
        page: str, context: dict[str, Any], *args: Any, event_arg: Any = None, **options: Any
    ) -> None:
        if "body" in context:
            context["body"] = linked(app.env, page, context["body"])
            if asked(app.env).get(page):
                write(app, page, context, put)
        put(page, context, *args, event_arg=event_arg, **options)

    builder.handle_page = handle_page


def connect(app: Sphinx) -> None:
    app.connect("builder-inited", begin)
