"""What answers a prediction stays closed when it is run."""

import pandas as pd
from IPython.display import Markdown

from trbook.exercises.verdict import Verdict
from trbook.reveal import reveal, unfolded
from trlab.outcomes import Note

OPEN = '<details class="trlib-answer"><summary>'


def test_a_table_and_a_sentence_lie_in_one_fold_that_a_page_takes_away():
    table = pd.DataFrame({"reward": [0.25]})
    shown = reveal(table, "a < b")._repr_mimebundle_()
    html = shown["text/html"]
    assert html.startswith(OPEN) and html.count("<details") == 1
    assert table._repr_html_() in html and "<pre>a &lt; b</pre>" in html
    assert shown["text/plain"].endswith("a < b")
    inside = unfolded(f"<p>x</p>{html}<p>y</p>")
    assert "details" not in inside and inside.startswith("<p>x</p>") and "0.25" in inside
    assert unfolded("<details><summary>Other</summary></details>").startswith("<details>")


def test_markdown_stays_markdown():
    shown = reveal(Markdown("| a |\n|---|\n| 1 |"))._repr_mimebundle_()
    assert "text/html" not in shown
    assert shown["text/markdown"].startswith(OPEN) and "\n\n| a |" in shown["text/markdown"]
    note = reveal(Note("<details><summary>8 predictions</summary></details>"))
    assert "<pre>" not in (text := note._repr_mimebundle_()["text/markdown"]) and "&lt;" not in text


def test_a_solutions_verdict_is_folded_and_the_readers_is_not():
    verdict = Verdict(False, "the mean is off")
    assert "<details" not in verdict._repr_html_()
    folded = verdict.of_the_solution()._repr_html_()
    assert folded.startswith(OPEN) and "the mean is off" in folded
    assert "<details" not in unfolded(folded)
