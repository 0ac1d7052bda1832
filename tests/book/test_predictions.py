"""A prediction is asked before its answer is shown: neither what stands above the question nor an
earlier page gives it away (`predictions.yml` has the answers in the book's words)."""

import json
import re
from functools import cache
from itertools import takewhile
from pathlib import Path

import pytest
import yaml

from book.build.paths import ROOT
from book.build.teaching import COURSES

ASKED = yaml.safe_load(Path(__file__).with_name("predictions.yml").read_text(encoding="utf-8"))
PREDICT = re.compile(r"\*\*Predict(?:\.|:|:?\*\*|\b)")
FOLDED = re.compile(r"<details.*?</details>", re.DOTALL)
HIDDEN = {"hide-cell", "hide-output", "remove-cell", "remove-output"}
MAIN = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))["parts"][0]["chapters"]
ORDER = [
    "book/index",
    *(
        page["file"]
        for chapter in MAIN
        for page in (chapter, *chapter.get("sections", ()))
        if page["file"]
        not in ("book/playground", "book/own", "book/run")  # one tries, in any order
    ),
]

ROUTE = yaml.safe_load(ROOT.joinpath(*COURSES).read_text(encoding="utf-8"))["route"]


def earlier(page):
    """What a reader of a page has read before, by page."""
    stops = {stop["page"]: stop["before"] for stop in ROUTE}
    before = takewhile(page.__ne__, stops if page in stops else ORDER)
    texts = {one: "\n".join(at_once for at_once, _ in shown(one)) for one in before}
    if page not in stops:
        return texts
    return {one: text.partition(f"\n## {stops[one]}\n")[0] for one, text in texts.items()}


@cache
def shown(page):
    """A page, cell by cell: what is seen at once, and all that is there."""
    path = ROOT / f"{page}.md"
    if path.exists():
        text = re.sub(r"<!--.*?-->", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        return [(FOLDED.sub("", text), text)]
    cells = json.loads((ROOT / f"{page}.ipynb").read_text(encoding="utf-8"))["cells"]
    return [seen(cell) for cell in cells]


def seen(cell):
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        return FOLDED.sub("", source), source
    told = "\n".join(
        "".join(text)
        for output in cell["outputs"]
        for kind, text in (*output.get("data", {}).items(), ("text/plain", output.get("text", "")))
        if kind == "text/plain"
    )
    folded = "trlib-answer" in json.dumps(cell["outputs"])
    return "" if folded or HIDDEN & set(cell["metadata"].get("tags", ())) else told, told


def place(page, question):
    """What stands above the question, and everything from it on."""
    above, cells = [], shown(page)
    for number, (at_once, whole) in enumerate(cells):
        if question in whole:
            before, after = whole.split(question, 1)
            rest = [after, *(text for _, text in cells[number + 1 :])]
            return "\n".join([*above, FOLDED.sub("", before)]), "\n".join(rest)
        above.append(at_once)
    raise AssertionError(f"{page}: expected the prediction {question!r}")


def test_every_prediction_of_the_main_line_is_listed():
    for page in ORDER:
        asked = sum(len(PREDICT.findall(whole)) for _, whole in shown(page))
        assert asked == len(ASKED.get(page, ())), page
    assert list(ASKED) == [page for page in ORDER if page in ASKED]


@pytest.mark.parametrize(
    ("page", "question"), [(page, question) for page, all_ in ASKED.items() for question in all_]
)
def test_no_prediction_is_answered_before_it_is_asked(page, question):
    above, below = place(page, question)
    for answer in ASKED[page][question]:
        assert re.search(answer, below), f"{page}: {answer!r} is not the answer there"
        for one, text in {**earlier(page), page: above}.items():
            told = re.search(answer, text)
            assert not told, f"{one} answers {question!r} of {page}: {told and told[0]!r}"
