"""What the build says of pages: description, address, the line at a notebook's foot, the index
of the search."""

from docutils.core import publish_doctree

from book.build.ext.execution import stamp
from book.build.ext.head import described, sentences, sitemap, tags
from book.build.ext.search import kind, read, words


def test_the_line_at_a_foot_is_short_and_opens():
    text = stamp(
        "Executed today in 3 s",
        ["All of it <here>.", "On a GPU."],
        {"Run it": "../run.html", "Open in Colab": "https://colab.research.google.com/x"},
    )
    assert text.startswith(
        '<div class="executed"><details><summary>Executed today in 3 s</summary><p>All of it '
        "&lt;here"
    )
    assert '</details><a href="../run.html">Run it</a><a' in text
    assert text.endswith('<a href="https://colab.research.google.com/x">Open in Colab</a></div>')
    assert stamp("It waits.", [], {"Open in Colab": ""}) == '<div class="executed">It waits.</div>'


def test_a_description_is_sentences_without_formulas():
    tree = publish_doctree(
        "Title\n=====\n\n.. note:: An aside that is none of it.\n\nHow far may it go? The ratio "
        ":math:`r` is 1. "
        "As far as its data reach, and no further than that.\n\n+---+\n| a |\n+---+\n"
    )
    found = sentences(tree)
    assert found == ["How far may it go?", "As far as its data reach, and no further than that."]
    assert described(found) == " ".join(found)
    long = "word " * 100 + "ends."
    assert described([long, "Next."]) == long
    assert described(["A short one.", long]) == "A short one."
    assert described([]) == ""


def test_the_head_escapes_what_it_says():
    made = tags('A "title" & more', "<b>", "", "figures/wall.png", "Book")
    assert 'content="A &quot;title&quot; &amp; more"' in made and 'content="&lt;b&gt;"' in made
    assert "og:url" not in made, "no address, no claim"
    assert 'og:image:alt" content="Three walls of 64 answers' in made
    assert "<loc>https://a.org/book/index.html</loc>" in sitemap("https://a.org/", ["book/index"])


def test_the_search_reads_sections_and_splits_names():
    page = read(
        publish_doctree(
            "Clip\n====\n\nOne *word*.\n\n::\n\n  code\n\nSecond\n------\n\n:math:`x` "
            "two\n\nThird\n-----\n",
            settings_overrides={"doctitle_xform": False},
        )
    )
    assert page.title == "Clip"
    assert [(unit.anchor, unit.heading, unit.text) for unit in page.units] == [
        ("", "Clip", "One word."),
        ("second", "Second", "two"),
        ("third", "Third", ""),
    ]
    assert list(words("PPO_loss, Dr.GRPO's pass@8")) == [
        "ppo_loss",
        "ppo",
        "loss",
        "dr",
        "grpo",
        "s",
        "pass",
        "8",
    ]
    assert kind("book/methods/ppo") == "card" and kind("book/methods/index") == "page"
    assert kind("book/interface/lab") == "internal"
