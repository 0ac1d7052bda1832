"""What the sidebar shows, and which page comes next."""

import re
from types import SimpleNamespace
from unittest.mock import Mock

from docutils.core import publish_doctree
from sphinx_external_toc.parsing import parse_toc_yaml

from book.build.ext import contents
from book.build.ext.search import _kept, note
from book.build.paths import ROOT
from book.build.paths import contents as pages

LINKS = """<p class="caption">Learn</p><ul><li class="toctree-l1"><a class="internal"
href="../notebooks/02.html">2</a>
<ul><li class="toctree-l2"><a class="internal" href="../notebooks/02_b.html">2b</a></li></ul></li>
<li class="toctree-l1"><a class="internal" href="methods/index.html">Methods</a>
<ul><li class="toctree-l2"><a class="internal" href="names.html">Names</a></li>
<li class="toctree-l2"><a class="internal" href="methods/ppo.html">PPO</a></li></ul></li>
<li class="toctree-l1"><a class="internal" href="interface/index.html">Interface</a>
<ul><li class="toctree-l2"><a class="internal" href="interface/loop.html">The loop</a></li></ul></li></ul>"""
"""As the root page `book/index` shows them."""
BUILDER = Mock(relations=pages())
BUILDER.env.searched = {}
BUILDER.env.external_site_map = parse_toc_yaml(ROOT / "_toc.yml")


def test_the_sidebar_leaves_cards_and_modules_to_the_page_above_them():
    found = contents.sidebar(["book/methods/ppo", "book/methods/index"], LINKS, "book/index")
    assert re.findall(r'href="([^"]+)"', found) == [
        *("../../notebooks/02.html", "index.html", "../names.html", "../interface/index.html"),
    ], "and companions to the chapter that is open"
    assert found.count("<ul") == 2, "nothing to unfold where nothing is left"
    # The theme scrolls to the entry that is active.
    assert re.findall(r'class="([^"]*active)"', found) == ["toctree-l1 current active"]


def test_the_sidebar_marks_the_page_or_the_nearest_one_above_that_it_shows():
    for chain, marked in (
        (["notebooks/02_b", "notebooks/02"], ["toctree-l1 current", "toctree-l2 current"]),
        (
            ["notebooks/02_c", "notebooks/02_b", "notebooks/02"],
            ["toctree-l1 current", "toctree-l2 current"],
        ),
        (["book/index"], []),
    ):
        found = contents.sidebar(chain, LINKS, "book/index")
        items = re.findall(r'<li class="([^"]*current[^"]*)"', found)
        assert [one.removesuffix(" active") for one in items] == marked
        own = re.findall(r'<a class="internal current" href="([^"]+)"', found)
        assert own == (["#"] if chain[0] == "notebooks/02_b" else [])
        assert ("02_b.html" in found) == (chain[0] == "notebooks/02_c")
    above, _ = contents.places(BUILDER)
    assert contents.with_ancestors("book/distillation", above)[:2] == [
        *("book/distillation", "notebooks/10_trapo"),
    ]


def test_a_chapter_leads_on_to_the_next_chapter_and_offers_its_companions():
    order = ["index", "2", "2b", "2c", "3", "4", "4b"]
    assert contents.steps(order, {"2": ["2b", "2c"], "4": ["4b"]}) == {
        "index": ("", "2"),
        "2": ("index", "3"),
        "2b": ("2", "2c"),
        "2c": ("2b", "3"),
        "3": ("2", "4"),
        "4": ("3", ""),
        "4b": ("4", ""),
    }


def test_the_page_of_a_sweep_is_in_no_contents_and_no_search():
    doctree = publish_doctree("A sweep\n=======\n\nIts runs.\n")
    for name, listed in (("trlab/records/region/README", False), ("book/recorded", True)):
        app = SimpleNamespace(env=SimpleNamespace(docname=name, metadata={name: {}}))
        contents.unlist(app, doctree)
        assert ("orphan" not in app.env.metadata[name]) == listed
        note(app, doctree)
        assert (name in _kept(app.env)) == listed
