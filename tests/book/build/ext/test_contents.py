"""Which page comes next, and what the contents leave out."""

from types import SimpleNamespace

from docutils.core import publish_doctree

from book.build.ext import cards, contents
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


def test_the_old_address_of_a_card_leads_to_its_section(tmp_path):
    """A card that became a section keeps its address: links from elsewhere still arrive."""
    (tmp_path / cards.PREFIX).mkdir(parents=True)
    slugs = {"fdnets-newton-cg": (3, "fdnet-s-newton-cg", "FDNet's Newton-CG")}
    env = SimpleNamespace(metadata={"book/methods/classical": {"myst_slugs": slugs}})
    book = SimpleNamespace(builder=SimpleNamespace(format="html"), outdir=tmp_path, env=env)
    cards.lead_on(book, None)
    (page,) = (tmp_path / cards.PREFIX).iterdir()
    assert page.name == "fdnet.html"
    assert 'content="0; url=classical.html#fdnet-s-newton-cg"' in page.read_text("utf-8")


def test_the_page_of_a_sweep_is_in_no_contents_and_no_search():
    doctree = publish_doctree("A sweep\n=======\n\nIts runs.\n")
    for name, listed in (("trlab/records/region/README", False), ("book/recorded", True)):
        app = SimpleNamespace(env=SimpleNamespace(docname=name, metadata={name: {}}))
        contents.unlist(app, doctree)
        assert ("orphan" not in app.env.metadata[name]) == listed
        note(app, doctree)
        assert (name in _kept(app.env)) == listed
