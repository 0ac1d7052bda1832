"""Words that move a figure: wherever a page is read, their link leads to the figure, and what they set can
be set."""

import json
import re

import pytest
from myst_parser.mdit_to_docutils.base import default_slugify as slug

from book.build.ext.explorables import HINT, SHOWN, moving
from book.build.ext.made import MADE, STATE, whole_links
from book.build.paths import ROOT, chapters
from trbook import explorables

KINDS = {kind.module: kind for kind in (getattr(explorables, name) for name in explorables.__all__)}
HEADING = re.compile(r"^#+ ([^\n]+)$", re.MULTILINE)
PAGES = [*chapters(), *sorted((ROOT / "book").glob("*.md"))]


def contents(path):
    """A page's headings and figures, in their order, and its links that move one."""
    text, found = path.read_text(encoding="utf-8"), []
    if path.suffix != ".ipynb":
        shown = {name: kind.module for name, kind in SHOWN.items()} | {"playground": "playground"}
        for one in re.finditer(
            rf"{HEADING.pattern}|{MADE.pattern}", text, re.MULTILINE | re.DOTALL
        ):
            if one[1]:
                found.append(("heading", slug(one[1])))
            elif one[2] in shown and not (one[2] == "basin" and one[3]):  # no opener
                found.append(("figure", shown[one[2]]))
        return found, STATE.findall(text)
    links = []
    for cell in json.loads(text)["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            found += [
                ("heading", re.sub("[`*]", "", one).replace(" ", "-"))
                for one in HEADING.findall(source)
            ]
            links += STATE.findall(source)
        else:
            found += [
                ("figure", getattr(explorables, name).module)
                for name in re.findall(r"^(\w+)\((?!opener=)", source, re.MULTILINE)
                if name in explorables.__all__
            ]
    return found, links


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_link_that_moves_a_figure_leads_to_the_section_that_shows_it(path):
    found, links = contents(path)
    for words, place, state in links:
        name, _, rest = state[1:].partition(":")
        at = [i for i, one in enumerate(found) if one == ("figure", name)]
        assert at, f"{words!r}: {path.stem} shows no {name}"
        section = next(name for kind, name in reversed(found[: at[0]]) if kind == "heading")
        assert place == f"#{section}", f"{words!r} leads to {place}"
        keys = {part.partition("=")[0] for part in rest.split("&")}
        if name != "playground":
            assert keys <= {"press", *KINDS[name].class_trait_names(sync=True)}, words


def test_in_the_book_the_link_has_its_figure_and_its_state():
    source = "Now [press *a b*](#Play-it)<!--#clip:press=a b--> and [1](x.md)<!--#there-->."
    body = (
        '<div data-explorable="clip" data-opener></div>'
        + whole_links(source)
        + 2 * '<div data-explorable="clip"></div>'
    )
    link = '<a href="#figure-clip" data-state="press=a+b">press *a b*</a>'
    assert moving(body) == (
        f'<div data-explorable="clip" data-opener></div>Now {link}{HINT} and [1](x.md#there).'
        '<div id="figure-clip" data-explorable="clip"></div><div data-explorable="clip"></div>'
    )
    assert moving(body + whole_links(source)).count(HINT) == 1, "it is said once on a page"
