"""Every link to a part of a page leads there, and every name of the package to its place."""

import functools
import json
import re
import sys

import pytest

from book.build.cards import CARDS
from book.build.ext.links import canonical, named
from book.build.ext.made import whole_links
from book.build.ext.terms import slug
from book.build.paths import ANNEX, ANNEXED, ROOT
from trbook.address import INTRODUCTION
from trlab.questions import all_questions

LABEL = re.compile(r"\\label\{([^}]+)\}")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)


def text(path):
    """A page's prose, as the book shows it."""
    if path.suffix != ".ipynb":
        return whole_links(FENCED.sub("", path.read_text(encoding="utf-8")))
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    prose = ("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")
    return whole_links(INTRODUCTION.sub("", "\n\n".join(prose), count=1))


@functools.cache
def pages():
    """Every page that a person wrote, by its path."""
    found = [
        *sorted((ROOT / "notebooks").glob("*.ipynb")),
        *sorted((ROOT / "book").glob("*.md")),
        *sorted((ROOT / "book" / "check").glob("*.md")),
        *sorted((ROOT / "book" / "interface").glob("*.md")),
        ROOT / "book" / "methods" / "index.md",
    ]
    return {str(path.relative_to(ROOT)): text(path) for path in found if path.name != "README.md"}


def anchors(prose):
    """What a link can point to on a page: headings down to the third level, and numbered
    equations."""
    headings = re.findall(r"^#{1,3} (.+?)\s*$", prose, re.MULTILINE)
    plain = (re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading) for heading in headings)
    return {slug(re.sub(r"[`*$\\]", "", heading)) for heading in plain}


def test_every_link_to_a_part_of_a_page_resolves():
    wrong = []
    made = {f"book/methods/{name}.md" for name in CARDS}
    made |= {f"trlab/records/{name}/README.md" for name in all_questions()}
    equations = {f"equation-{label}" for body in pages().values() for label in LABEL.findall(body)}
    for page, body in pages().items():
        for path, anchor in re.findall(r"\]\(([\w./-]*\.(?:md|ipynb))?(?:#([\w-]+))?\)", body):
            if path and anchor.startswith("equation-"):
                wrong.append(f"{page}: {path}#{anchor} is found by #{anchor} alone")
            target = (ROOT / page).parent.joinpath(path).resolve() if path else ROOT / page
            name = str(target.relative_to(ROOT))
            if not ANNEXED and name.startswith(ANNEX):
                continue  # the build leaves the link's words
            if name not in {*pages(), *made} or (
                anchor and anchor not in anchors(pages().get(name, "")) | equations
            ):
                wrong.append(f"{page}: {path}#{anchor}")
    assert wrong == []


def test_a_bridge_is_known_where_its_library_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", None)  # what installing for the book leaves out
    monkeypatch.delitem(sys.modules, "trlib.bridges.trl", raising=False)
    monkeypatch.delattr("trlib.bridges.trl", raising=False)
    assert canonical("trlib.bridges.trl.QuatroTrainer") == "trlib.bridges.trl.QuatroTrainer"
    with pytest.raises(ValueError, match=r"trlib\.bridges has no 'tlr'"):
        canonical("trlib.bridges.tlr.QuatroTrainer")


def test_a_name_in_code_leads_to_where_it_is_defined():
    said = ("trlib.train(policy, x)", "trlib.json", "trlib", " trlab.Sweep ", "ppo_loss")
    assert [*map(named, said)] == ["trlib.train", None, None, "trlab.Sweep", None]
    places = {"trlib.train": "trlib.loop.train.train", "trlib.loop": "trlib.loop"}
    assert {name: canonical(name) for name in places} == places
    with pytest.raises(ValueError, match="has no 'tra'"):
        canonical("trlib.train.tra")
