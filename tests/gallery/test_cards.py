"""Method cards: what they state by hand agrees with the code, and what is made of them is made of
all of them."""

import re
from urllib.parse import parse_qsl

import pytest

from book.build.cards import CARDS, FAMILIES, FOLDER, read
from book.build.cards.blocks import BLOCKS
from book.build.cards.curve import LENGTHS, weights
from book.build.ext.mathematics import drawn as typeset
from book.build.paths import ROOT
from trbook import moons
from trbook.explorables.playground import presets
from trbook.scale.papers import of_card
from trlib.algorithms import ALGORITHMS
from trlib.methods import OBJECTIVES
from trlib.relatives import RELATIVES

MAIN = [card for card in CARDS.values() if card.family in FAMILIES]
WITH_RATIO = [card for card in MAIN if card.family != "expert"]
WEIGHED = [
    card for card in CARDS.values() if card in MAIN or "\n<!--made weights-->\n" in card.text
]
"""Those whose weight follows the ratio that they speak of. A card that corrects for the sampler speaks of
its factor, and has no curve: the weight is PPO's."""


def test_every_card_is_of_a_method_and_stands_in_the_contents():
    assert RELATIVES.keys() <= CARDS.keys() <= ALGORITHMS.keys() | RELATIVES.keys()
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    pages = dict(re.findall(r'book/methods/(\w+), title: "([^"]+)"', toc))
    cards = {path.stem for path in FOLDER.glob("*.md")} - {"index"}
    assert cards == {*CARDS}, (
        "each page in book/methods has a line in _toc.yml, and each line a page"
    )
    titles = {card.name: card.title for card in CARDS.values()}
    assert pages == titles, "a line in _toc.yml has its card's title"
    titles = [card.title for card in CARDS.values()]
    assert len(titles) == len({*titles}), "a name that means two things says which"


@pytest.mark.parametrize("card", WEIGHED, ids=lambda card: card.name)
def test_a_card_s_words_on_the_sign_are_what_the_weights_say(card):
    """Far outside a signed region, on one side of it at least, a token gets no gradient that leads
    further out, and one that leads back has a weight of at most its ratio. If it has its whole ratio
    above the region, the card must say signed. A pull that is the same for both signs, or adds to the
    ratio, is unsigned. Of TOPR the sign decides which completions have a bound at all."""

    def beyond(ratio, sign):
        outwards, back = (
            sign * weights(card, q=0.3, right=right, ratios=[ratio])[0]
            for right in (sign > 0, sign < 0)
        )
        return outwards, back, ratio ** (1 / LENGTHS.get(card.name, 1))

    sides = [beyond(2.4, 1), beyond(0.4, -1)]
    outwards, back, ratio = sides[0]
    must = outwards <= 0 and back == pytest.approx(-ratio)
    may = card.name == "topr" or any(
        outwards <= 0 and -ratio - 1e-6 <= back < outwards - 1e-6 for outwards, back, ratio in sides
    )
    assert must <= (card.signed is True) <= may, (
        f"{card.name}.md, signed: {card.signed}, and at ratios of 2.4 and 0.4 the gradient that leads "
        f"further out, that which leads back, and the ratio are {sides}"
    )


@pytest.mark.parametrize("card", WITH_RATIO, ids=lambda card: card.name)
def test_a_card_s_words_are_what_the_weights_say(card):
    """A method whose weight is another where tokens are rare measures a distribution. π/μ stands where
    the region is drawn around the policy that sampled; a weight without a ratio ignores it."""

    def of(*ratios, q=0.3):
        return weights(card, q=q, right=True, ratios=[*ratios])

    by_distribution = card.name in ("ppo_penalty", "dppo", "troll")
    differs = of(0.4, 2.4) != pytest.approx(of(0.4, 2.4, q=0.01), abs=1e-9)
    assert differs == by_distribution, (
        "the weights of rare tokens: by_distribution names these methods"
    )
    ignored = of(0.5, 1.5) == [1.0, 1.0]
    assert ignored == (card.ratio == "none"), f"{card.name}.md, ratio: none where no weight has one"
    if card.ratio != "none":
        around_sampler = ALGORITHMS[card.name].anchor == "rollout"
        assert around_sampler == (card.ratio == "π/μ"), f"{card.name}.md, ratio: π/μ by the anchor"


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_a_card_names_what_exists(card):
    assert {*card.paper} <= {name for name, *_ in read.settings(card)}, "settings by our names"
    if card.arxiv:
        sources = (ROOT / "book/references.bib").read_text(encoding="utf-8")
        known = card.arxiv in sources
        assert known, f"add arXiv {card.arxiv} to book/references.bib"
    assert {name for name, _ in read.deviations(card)} <= {*card.functions}
    formulas = re.findall(r"^\$\$\n(.+?)\n\$\$$", card.text, re.MULTILINE | re.DOTALL)
    assert formulas
    for formula in formulas:
        typeset(formula)
    made = [name for name in BLOCKS if f"\n<!--made {name}-->\n" in card.text]
    assert ("weights" in made) == (len(formulas) == 2), "the block weights, and then its formula"
    excused = "\nNo curve is drawn, because " in card.text
    assert ("weights" in made) != excused, "the block weights, or: No curve is drawn, because ..."
    assert {"place", "settings"} <= {*made}
    assert ("command" in made) == ("runs" in made), "a place for runs, and the line that runs it"


@pytest.mark.parametrize("name", [card.name for card in MAIN if "made trainers" in card.text])
def test_a_card_says_where_it_plays_and_what_a_trainer_calls_it(name):
    card, paper = CARDS[name], of_card(name)
    learn, here, there = re.search(r"<!--ways-->\n((?:- .+\n)+)", card.text)[1].splitlines()
    play = re.search(r"playground\.md\)<!--#playground:([^>\s]+)-->", here)
    assert "**Learn it:** [" in learn and "**Run it here:** " in here
    if play:
        given = dict(parse_qsl(play[1], strict_parsing=True))
        lanes = [lane.partition(",") for lane in given.values()]
        learners = (
            [lane["method"] for lane in presets()[given["preset"]]["lanes"]]
            if "preset" in given
            else [method for method, *_ in lanes]
        )
        assert name in learners
    known = dict(paper.trl or {})
    known |= {key.rpartition(".")[2]: value for key, value in (paper.verl or {}).items()}
    assert "(#in-your-trainer)" in there
    for quoted in re.findall(r"`([^`]+)`", there):
        setting, _, value = quoted.partition("=")
        assert quoted == paper.trainer or str(known[setting]) == value.strip('"')


@pytest.mark.parametrize(("name", "forward"), [("sft", 1), ("sam", 2), ("tram", 3), ("smart", 4)])
def test_the_passes_of_a_cost_are_those_of_an_update(name, forward):
    step = moons.Net(
        OBJECTIVES[name](),
        moons.knowing(0),
        *moons.moons(moons.SHOWN, 0, "shown", moons.TURN),
        1,
        0.02,
    )
    calls, score = [], step.score
    step.score = lambda *a, **k: calls.append(k) or score(*a, **k)
    step.method.update(step)
    assert len(calls) == forward


def test_costs_are_the_record_s():
    from trlab import recorded

    runs = recorded("dial_methods")[0]
    seconds = runs.pivot_table(index="seed", columns="label", values="cpu_seconds")
    each, ratio = seconds["trpo"] / seconds["reinforce"], read.cost(CARDS["trpo"])
    assert each.min() <= ratio <= each.max() and ratio > 5
    assert read.cost(CARDS["reinforce"]) is None and read.cost(CARDS["sft"]) is None
