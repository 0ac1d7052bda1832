"""Tables that a build makes stand in the pages' source too."""

import re

import pytest
from myst_parser.mdit_to_docutils.base import default_slugify as slug

from book.build import cards as cards_of_methods
from book.build import quoted, records, tables, write
from book.build.cards import CARDS, FOLDER, made
from book.build.ext.made import MADE, as_directives
from book.build.paths import ROOT
from tests.book.conftest import prose
from tests.by_day import by_day
from trbook.drawing import from_files
from trlab import questions
from trlab.claims import cards

pytestmark = pytest.mark.long
QUESTIONS = by_day(questions.all_questions(), "troll", reason="judges every recorded sweep")
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
    page = made.filled("dppo")
    assert not made.MARK.search(page)
    heads = ("| setting | here | paper | what it is |", "| epochs per batch | learning rate |")
    assert all(f"\n{head}" in page for head in (*heads, "| claim | verdict here |"))
    assert re.search(r"\| <!--rec best dppo-tv uses=16-->0\.\d\d \[", page)
    (figure,) = re.findall(r"^!\[Weights with DPPO .+?\]\((\S+)\)$", page, re.MULTILINE)
    assert "trlib-drawing" in from_files(FOLDER / figure)


def test_blocks_are_made_anew_when_a_file_has_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(made, "ROOT", tmp_path)
    monkeypatch.setattr(made, "SOURCES", ("trlab",))
    (tmp_path / "book").mkdir()
    (tmp_path / "book/claims.md").write_text("", encoding="utf-8")
    (tmp_path / "trlab").mkdir()
    keys = set()
    for text in ("a", "b"):
        (tmp_path / "trlab/declared.json").write_text(text, encoding="utf-8")
        keys.add(made._key())
    (tmp_path / "trlab/picture.svg").write_text("no source of a block", encoding="utf-8")
    assert len(keys | {made._key()}) == 2


@pytest.mark.parametrize("name", QUESTIONS)
def test_the_page_of_a_question_is_what_its_records_say(name):
    """`python -m book.build.write records/NAME` writes it, with its figures."""
    assert list(write.stale([f"records/{name}"])) == []
    text = records.path(name).read_text(encoding="utf-8")
    figures = re.findall(r"\]\((\S+?\.svg)\)", text)
    assert figures
    for figure in figures:
        assert "trlib-drawing" in from_files(records.path(name).parent / figure)
    unfolded = re.sub(
        r"<details>.*?</details>|<!--.*?-->|\]\(\S*\)|`.*?`", "", text, flags=re.DOTALL
    )
    assert len(records.WORD.findall(unfolded)) <= 600
    assert "| method |" in text and records.heading(name) and records.answer(name)
    assert all(f"| `{sweep}` |" in text for sweep in questions.asked(name))


def test_a_record_that_is_not_whole_has_a_table(monkeypatch):
    """Some of the seeds that were declared, and not every variant."""
    sweep, runs, history = quoted.record("best")
    part = runs[(runs["seed"] == runs["seed"].min()) & (runs["label"] != "ppo")]
    monkeypatch.setattr(quoted, "record", lambda _: (sweep, part, history))
    assert "`troll`" in records._ends("best") and "`ppo`" not in records._ends("best")


def test_a_table_has_batches_to_a_reward_only_where_some_run_reaches_it():
    """The batches of a frozen sampler never do, however much is learned from them."""
    assert "| batches to 0.7 |" not in records._ends("frozen")
    assert "| batches to 0.7 |" in records._ends("one_setting_dial_stale")


def test_a_sweep_that_predicts_nothing_has_a_table_where_a_figure_shows_it(monkeypatch):
    monkeypatch.setattr(records, "_ends", lambda name, **_: "")
    assert "<code>delay_map</code>" in records.ends("delay")
    assert "<code>basin_map</code>" not in records.ends("region")


def test_a_build_takes_the_directive_and_leaves_out_what_is_for_the_source():
    source = ["# A\n\n<!--unbuilt-->\n*Built only.*\n<!--/unbuilt-->\n\nText.\n\n"]
    source[0] += "<!--made claims-card ppo-->\n**1.** ```x\n<!--/made-->\n\n"
    source[0] += "<!--made playground-->\n| a |\n|---|\n<!--/made-->\n\n"
    source[0] += "[a](b.md)<!--#c--> and [d](e.ipynb)<!--#equation-f-->\n\n"
    source[0] += "<!--lead-->\nTwo\nlines.\n\n<!--built\n```{x}\n```\n-->\n"
    as_directives(None, "page", source)
    assert source[0].split("\n\n") == [
        *("# A", "Text.", "**1.** ```x", "```{playground}\n```"),
        "[a](b.md#c) and [d](#equation-f)",
        ":::{div} lead\nTwo\nlines.\n:::",
        "```{x}\n```\n",
    ]


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


def test_every_word_of_the_glossary_has_a_place_where_a_link_lands_in_jupyterlab():
    glossary = (ROOT / "book/glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^### (.+)$", glossary, re.MULTILINE)
    anchored = re.findall(r'^<a id="([\w-]+)"></a>\n\n### ', glossary, re.MULTILINE)
    assert anchored == [slug(word) for word in words] and len(words) > 50
    source = ['<a id="nat"></a>\n\n### nat\n\nA unit.\n']
    as_directives(None, "page", source)
    assert source == ["### nat\n\nA unit.\n"]


def test_a_stale_table_is_renewed():
    fresh = tables.filled("<!--made claims-table-->\n<!--/made-->")
    assert fresh.startswith(
        "<!--made claims-table-->\n| claims of | reproduced | reproduced in one cell | not reproduced |"
    )
    assert (
        tables.filled(fresh.replace("not significant", "reproduced"))
        == fresh
        == tables.filled(fresh)
    )


def test_what_a_page_lacks_is_one_sentence_without_a_traceback(monkeypatch, capsys):
    def lacks(path):
        raise ValueError("awr: expected a row of `PAPERS`, got none")

    monkeypatch.setattr(write, "made", lacks)
    assert write.main(["glossary"]) == 2
    assert capsys.readouterr().err == "write: awr: expected a row of `PAPERS`, got none\n"


def test_a_damaged_card_stops_it_with_a_sentence(monkeypatch, capsys):
    def damaged():
        raise ValueError("mine.md: expected YAML")

    monkeypatch.setattr(cards_of_methods, "_read", damaged)
    assert write.main(["methods"]) == 2
    assert capsys.readouterr().err == "write: mine.md: expected YAML\n"
