"""A page for each question, and what stays of its list."""

from types import SimpleNamespace

import pytest

from book.build.ext import questions
from book.build.ext.search import Page, Unit

BODY = """<section id="questions-about-clips">
<h1>Questions about clips</h1>
<p>A lead.</p>
<section id="why">
<h2>Why 0 &amp; 1?<a class="headerlink" href="#why">#</a></h2>
<p><strong>Because.</strong> It is.</p>
<p>More, and <a href="#how">how</a>, <a href="log.html#what">what</a>, <a href="log.html#none">none</a>.</p>
</section>
<section id="how">
<h2>How?</h2>
<p><strong>So.</strong></p>
</section>
</section>
"""


class Env(SimpleNamespace):
    __hash__ = object.__hash__


def env(**lists):
    searched = {
        f"book/questions/{name}": Page(
            name, [Unit("", name, ""), *(Unit(a, a, "") for a in anchors)]
        )
        for name, anchors in lists.items()
    }
    return Env(searched=searched)


@pytest.fixture
def book():
    return SimpleNamespace(env=env(clips=["why", "how"], log=["what"]))


def test_a_list_keeps_question_and_short_answer_and_leads_to_the_page(book):
    page, put = "book/questions/clips", {}
    body = questions.linked(book.env, page, BODY)
    context = {"body": body, "title": "Questions about clips"}
    questions.write(book, page, context, lambda name, made: put.update({name: made}))
    assert [*put] == ["book/questions/why", "book/questions/how"]
    why = put["book/questions/why"]
    assert why["meta"] == {"description": "Because. It is."}
    assert "<h1>Why 0 &amp; 1?" in why["body"] and 'href="clips.html"' in why["body"]
    links = ('href="how.html"', 'href="what.html"', 'href="log.html#none"')
    assert all(link in why["body"] for link in links)
    assert why["prev"] is None and why["next"]["link"] == "how.html"
    left = context["body"]
    assert (
        '<section id="why">\n<h2><a class="question" href="why.html">Why 0 &amp; 1?</a></h2>'
        in left
    )
    assert "<strong>Because.</strong>" in left and "More, and" not in left and "A lead." in left
    assert left.count("<section") == left.count("</section>") == 3


def test_links_from_other_pages_lead_to_the_question(book):
    for page, before, after in (
        ("notebooks/04_ppo", "../book/questions/clips.html#why", "../book/questions/why.html"),
        ("book/check/settings", "../questions/log.html#what", "../questions/what.html"),
        ("book/questions", "questions/log.html#what", "questions/what.html"),
        ("notebooks/04_ppo", "clips.html#why", "clips.html#why"),
    ):
        text = f'<p>questions/ <a href="{before}">x</a></p>'
        assert f'href="{after}"' in questions.linked(book.env, page, text), before
