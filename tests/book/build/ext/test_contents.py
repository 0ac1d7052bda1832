"""Which page comes next, and what the contents leave out."""

from types import SimpleNamespace

from docutils.core import publish_doctree

from book.build.ext import contents
from book.build.ext.search import _kept, note


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
