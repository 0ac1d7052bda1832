"""Tables that a build makes stand in the pages' source too."""

import re

import pytest
from myst_parser.mdit_to_docutils.base import default_slugify as slug

from book.build import records, write
from book.build.cards import CARDS, PREFIX, made
from book.build.ext.made import MADE, as_directives
from book.build.paths import ROOT
from tests.book.conftest import prose
from tests.by_day import by_day
from trbook.drawing import from_files
from trlab import questions
from trlab.claims import cards

QUESTIONS = by_day(
    questions.all_questions(), "steps_and_critics", reason="judges every recorded sweep"
)
METHODS = by_day([*CARDS], "opo", later=["dppo"], reason="reads every record for every card")


BY_HAND = {"methods", *write.pages()} - {*CARDS} - {name for name, _ in records.pages()}
FIRST = {"index", "purpose", "questions", "notebooks/05_grpo"}
"""A page of each kind, which `make test` looks at; `make test-all` does at all."""


def test_the_first_pages_hold_what_the_records_say():
    assert list(write.stale(FIRST)) == []


@pytest.mark.test_all("judges every claim and prints every example")
def test_the_pages_hold_what_the_code_and_the_records_say():
    """`python -m book.build.write` writes it."""
    assert list(write.stale(BY_HAND - FIRST)) == []
    claims = (ROOT / "book/claims.md").read_text(encoding="utf-8")
    titles = {card.name: card.title for card in cards()}
    rows = re.findall(r"^\| \[(.+?)\]\(#(\S+)\) \|", claims, re.MULTILINE)
    shown = [titles[found[2].strip()] for found in MADE.finditer(claims) if found[2]]
    assert rows == [(title, slug(title)) for title in shown], "a card for each row"


@pytest.mark.parametrize("name", METHODS)
def test_a_card_holds_what_the_code_and_the_records_say(name):
    """`python -m book.build.write NAME` writes the numbers in its sentences."""
    assert list(write.stale([name])) == []


def test_a_build_puts_tables_and_the_curve_into_a_card():
    card = CARDS["dppo"]
    assert not re.search(r"^\||^!\[", card.text, re.MULTILINE), "a person writes no table of these"
    page = made.filled("dppo", card.text)
    assert not made.MARK.search(page)
    heads = ("| setting | here | paper | what it is |", "| epochs per batch | learning rate |")
    assert all(f"\n{head}" in page for head in (*heads, "| claim | verdict here |"))
    assert re.search(r"\| <!--rec best dppo-tv uses=16-->0\.\d\d \[", page)
    (figure,) = re.findall(r"^!\[Weights with DPPO .+?\]\((\S+)\)$", page, re.MULTILINE)
    assert "trlib-drawing" in from_files(ROOT / PREFIX / figure)


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_page_of_a_question_is_what_its_records_say(name):
    """`python -m book.build.write records/NAME` writes it, with its figures."""
    assert list(write.stale([f"records/{name}"])) == []
    text = records.path(name).read_text(encoding="utf-8")
    figures = re.findall(r"\]\((\S+?\.svg)\)", text)
    assert figures
    for figure in figures:
        assert "trlib-drawing" in from_files(records.path(name).parent / figure)
    assert "| method |" in text and records.heading(name) and records.answer(name)
    assert all(f"| `{sweep}` |" in text for sweep in questions.asked(name))


def test_a_link_to_a_state_on_another_page_leads_there():
    source = [
        "[a run](../playground.md)<!--#playground:preset=wide-->\n"
        "[Drag it](#three-rules)<!--#clip:ratio=2-->\n"
    ]
    as_directives(None, "page", source)
    assert source == [
        '<a href="../playground.html#playground:preset=wide">a run</a>\n'
        "<a href='#clip:ratio=2'>Drag it</a>\n"
    ]


def test_a_page_s_source_shows_no_directive_role_or_label():
    """GitHub, JupyterLab and VS Code show them literally: an empty grey box, or marks."""
    literal = re.compile(
        r"^ *```+\{.*|^ *:::+.*|^\(\S+\)=$|\{[\w:-]+\}`[^`]+`|\$\$ *\([\w-]+\)", re.MULTILINE
    )
    built = re.compile(r"^<!--built\n.*?^-->$", re.MULTILINE | re.DOTALL)
    texts = {
        path.name: path.read_text(encoding="utf-8")
        for path in (ROOT / "README.md", *(ROOT / "book").glob("**/*.md"))
        if "node_modules" not in path.parts
    }
    texts |= {path.name: prose(path) for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert len(texts) > 60
    shown = {name: literal.findall(built.sub("", text)) for name, text in texts.items()}
    assert {name: found for name, found in shown.items() if found} == {}
