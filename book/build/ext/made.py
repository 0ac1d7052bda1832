"""Pages whose source holds what the book shows.

    <!--made claims-table-->
    | claims of | what we found |
    ...
    <!--/made-->

`python -m book.build.write` writes what stands between such comments, and a number of a record between
`<!--rec ...-->` and `<!--/rec-->`; the book shows it as it stands there. Only in the place of a figure
that runs (`RUNNING`) the source has a picture, written by hand, and the page the figure. A table of `SORTED` can be
sorted and filtered.

A comment at a page's head, its first line `<!--` alone, is the page's front matter, of which a code
host would draw a table.

A code host knows a Markdown file's headings, but no equation, no state of the playground and no part
of a notebook. A link to one is written for both: `[the task](00_quickstart.ipynb)<!--#the-task-->`
leads to the page there and to the place in the book. `[Press *rare token*](#Three-rules)<!--#ratio_map:press=rare
token-->` is a link that presses this button in the figure on its page (`book.build.ext.explorables`), and elsewhere leads to
the section that shows it. And `<!--[-->this step<!--](#equation-step)-->` is
a link in the book alone.

What stands between `<!--unbuilt-->` and `<!--/unbuilt-->` is for whoever reads the source, and no
built page has it; what stands between lines `<!--built` and `-->` is for the build alone. The
paragraph below a line `<!--lead-->` leads a page, in larger letters, the list below a line
`<!--ways-->` says where a card leads, and that below `<!--firsts-->` what a newcomer asks first, side
by side. `<!--issues-->` becomes a link to the repository's issues where it has an address. `<a id="nat"></a>` in a line of
its own is where a link lands in JupyterLab, whose headings have other names than those of GitHub and
of the book.
"""

from __future__ import annotations

import re

from docutils import nodes
from sphinx.application import Sphinx

from book.build.ext.address import of
from book.build.quoted import FILLED
from trbook.address import Address

MADE = re.compile(r"^<!--made (\S+?)( .+?)?-->\n(.*?)^<!--/made-->$", re.MULTILINE | re.DOTALL)
"""A name and its argument, and what stands for it in the source."""
SORTED = {
    "sweeps": ((90, 10), {}),
    "methods": (
        (26, 36, 14, 10, 9, 8, 1, 1, 1, 1, 1),  # five columns are not drawn
        {
            7: "problem",
            9: "library",
            8: "box",
            10: "branch",
            3: "action",
            2: "near",
            4: "level",
            5: "ratio",
            6: "signed",
        },
    ),
}
"""Tables as the source has them, which `book.js` sorts, and filters by the values of some columns:
the columns' widths, and the names of those."""
RUNNING = ("storyteller", "wall", "basin", "playground")
"""Directives of figures that run in the page (`book.build.ext.explorables`)."""
HEAD = re.compile(r"\A<!--\n(.*?)^-->$", re.MULTILINE | re.DOTALL)
UNBUILT = re.compile(r"^<!--unbuilt-->\n.*?^<!--/unbuilt-->\n+", re.MULTILINE | re.DOTALL)
BUILT = re.compile(r"^<!--built\n(.*?)\n-->$", re.MULTILINE | re.DOTALL)
LEAD = re.compile(r"^<!--(lead|ways|firsts)-->\n(.+?\n)\n", re.MULTILINE | re.DOTALL)
PLAYGROUND = re.compile(r"\[([^\]]+)\]\(([./\w]*)playground\.md(#playground:[^)\s]+)\)")
"""A link to a state of the playground, which no heading stands for."""
PLACE = re.compile(r"\]\(([^()\s]*)\)<!--(#[^\s>]*?)-->")
"""The end of a link whose place only the book knows."""
STATE = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])+)\]\((#[^()\s]*)?\)<!--(#\w+:[^>]+?)-->")
"""A link that moves a figure of its page: its words, where on the page it leads elsewhere, and the state."""
ONLY_HERE = re.compile(r'<!--(\[|\]\(#[^)\s]*\)|<a href=\\?"#[^"]*">|</a>)-->')
"""A part of a link that the book alone has."""
ANCHOR = re.compile(r'^<a id="[\w-]+"></a>\n\n', re.MULTILINE)


def as_directives(app: Sphinx, docname: str, source: list[str]) -> None:
    """A page as it is built; of a notebook its file, in which a backslash would have to be two."""
    text = HEAD.sub(r"---\n\1---", source[0])
    text = FILLED.sub(lambda match: _unbroken(match[2]).replace("[", "&#91;"), text)
    text = MADE.sub(_directive, text)
    text = BUILT.sub(r"\1", UNBUILT.sub("", text))
    text = PLAYGROUND.sub(r'<a href="\2playground.html\3">\1</a>', whole_links(text))
    if "<!--issues-->" in text:
        text = text.replace("<!--issues-->", issues(of(app.config)))
    source[0] = ANCHOR.sub("", LEAD.sub(r":::{div} \1\n\2:::\n\n", text))


def whole_links(text: str) -> str:
    """A page's source with the links that only the book has."""
    text = STATE.sub(_moving, text)
    return ONLY_HERE.sub(r"\1", PLACE.sub(_to_place, text))


def issues(ours: Address) -> str:
    """The way to the repository's issues, in a sentence; nothing as long as it has no address."""
    return f" ([here]({ours.repository}/issues/new/choose))" if ours.repository else ""


def _moving(match: re.Match[str]) -> str:
    """`book.build.ext.explorables` sets the state apart. Quotes of this kind need no backslash in the
    file of a notebook."""
    return f"<a href='{match[3].replace(' ', '+')}'>{match[1]}</a>"


def _to_place(match: re.Match[str]) -> str:
    """An equation's name is enough wherever it stands."""
    return f"]({'' if match[2].startswith('#equation-') else match[1]}{match[2]})"


def _directive(match: re.Match[str]) -> str:
    if match[1] in SORTED:
        return f":::{{div}} made-{match[1]}\n\n{match[3]}\n:::"
    if match[1] not in RUNNING:
        return match[3].rstrip("\n")
    return f"```{{{match[1]}}}{match[2] or ''}\n```"


def _unbroken(text: str) -> str:
    """A number whose interval stays on one line."""
    return re.sub(r"(?<=,) (?=[^\[]*\])", "\N{NO-BREAK SPACE}", text)


def sortable(app: Sphinx, doctree: nodes.document) -> None:
    """Says of a table that it can be sorted, and by which of its values it can be filtered."""
    for box in list(doctree.findall(nodes.container)):
        for name in SORTED.keys() & {one.removeprefix("made-") for one in box["classes"]}:
            widths, axes = SORTED[name]
            (table,) = box.findall(nodes.table)
            table["classes"] = [name, "sortable", "read-off", "colwidths-given"]
            for column, width in zip(table.findall(nodes.colspec), widths, strict=True):
                column["colwidth"] = width
            for row in next(table.findall(nodes.tbody)):
                for column, axis in axes.items():
                    if row[column].children:
                        row[column][0]["classes"].append(f"axis-{axis}")
            box.replace_self(table)


def connect(app: Sphinx) -> None:
    app.connect("source-read", as_directives, priority=100)  # before what fills a page in
    app.connect("doctree-read", sortable)
