"""Method cards: what they state by hand agrees with the code, and what is made of them is made of
all of them."""

import inspect
import re
from importlib import import_module

import pytest

from book.build.ext.mathematics import drawn as typeset
from book.build.paths import ROOT
from tests.losses import named, refused
from trbook import moons
from trbook.cards import CARDS, FAMILIES, GALLERY, MethodCard, read
from trbook.cards.curve import LENGTHS, expert_weights, weights
from trbook.cards.draw import in_words
from trbook.cards.text import formulas_of, page, provenance
from trlib import fields
from trlib.algorithms import ALGORITHMS
from trlib.methods import OBJECTIVES
from trlib.relatives import RELATIVES

MAIN = [card for card in CARDS.values() if card.family in FAMILIES]
WITH_RATIO = [card for card in MAIN if card.family != "expert"]


@pytest.mark.style
def test_every_method_has_a_card():
    assert sorted(CARDS) == sorted(ALGORITHMS | RELATIVES)


def test_every_card_is_of_a_method_and_has_a_page():
    assert CARDS.keys() <= ALGORITHMS.keys() | RELATIVES.keys()
    toc = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    pages = re.findall(r'book/methods/(\w+), title: "([^"]+)"', toc)
    assert sorted(pages) == sorted((card.name, card.title) for card in CARDS.values())
    assert {card.family for card in CARDS.values()} <= {*FAMILIES, *GALLERY}


@pytest.mark.parametrize("card", WITH_RATIO, ids=lambda card: card.name)
def test_a_card_s_words_are_what_the_weights_say(card):
    """Far outside a signed region a push outwards is silenced and a push back is not; elsewhere
    neither is. Who treats rare tokens otherwise measures a distribution. π/μ stands where the
    region is drawn around the policy that sampled; a weight without a ratio ignores it."""

    def of(*ratios, q=0.3, right=True):
        return weights(card, q=q, right=right, ratios=[*ratios])

    outwards, back = of(2.4)[0], of(2.4, right=False)[0]
    assert (outwards == 0 and back < 0) == (card.signed is True) and back != 0
    by_distribution = card.name in ("ppo_penalty", "dppo", "troll")
    rare = of(0.4, 2.4, q=0.01)
    assert (of(0.4, 2.4) != pytest.approx(rare, abs=1e-9)) == by_distribution
    assert (of(0.5, 1.5) == [1.0, 1.0]) == (card.ratio == "none")
    if card.ratio != "none":
        assert (ALGORITHMS[card.name].anchor == "rollout") == (card.ratio == "π/μ")


def test_golden_weights():
    """Two sides of an edge; a completion's ratio is one token's to the power of its share; PSPO's is
    over its size at ratio 1; QUATRO's pulls back."""
    one = 1 / LENGTHS["gspo"]
    assert 1.45**one < 1.0004 < 1.55**one
    for name, right, ratios, expected in (
        ("ppo", True, [1.19, 1.21], [1.19, 0]),
        ("ppo", False, [1.21], [-1.21]),
        ("gspo", True, [1.45, 1.55], [1.45**one, 0]),
        ("dppo", True, [1.49, 1.51], [1.49, 0]),  # 0.3 r - 0.3 passes 0.15 at r = 1.5
        ("pspo", True, [2.0], [2.0]),
    ):
        found = weights(CARDS[name], q=0.3, right=right, ratios=ratios)
        assert found == pytest.approx(expected), name
    far, near = weights(CARDS["quatro"], q=0.3, right=True, ratios=[2.0, 1.2])
    assert far < 0 < near
    assert expert_weights(CARDS["trapo"], [0.001, 0.05, 0.1]) == pytest.approx([0.01, 0.5, 1])
    assert expert_weights(CARDS["sft"], [0.001, 0.5]) == [1, 1]


def test_the_penalty_s_derived_weight():
    """w = r A - β (p - q) / (1 - p), as its card says, with β = 1 and A = 1/2: half of the group is
    right."""
    q, advantage, ratios = 0.3, 0.5, [0.5, 1.1, 2.4]
    expected = [(r * advantage - (r * q - q) / (1 - r * q)) / advantage for r in ratios]
    assert weights(CARDS["ppo_penalty"], q=q, right=True, ratios=ratios) == pytest.approx(expected)


def test_impossible_requests_are_named():
    refused(".*got sft; see expert_weights", weights, CARDS["sft"], q=0.3, right=True)
    refused(r"ratios: .*got 2\.5", weights, CARDS["ppo"], q=0.5, right=True)


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_a_card_names_what_exists(card):
    own = {name for name, *_ in read.settings(card)}
    assert set(card.paper) <= own, "settings of the paper by our names"
    if card.arxiv:
        assert card.arxiv in (ROOT / "book/references.bib").read_text(encoding="utf-8")
    told = read.deviations(card)
    assert {name for name, _ in told} <= set(card.functions)
    text = page(card, "", lambda name: f"`{name}`", "[numbers](x)")
    assert text.startswith(f"# {card.title}\n") and "[numbers](x)" in text
    assert f"\n{provenance(card)}\n" in text
    assert all(formula in text for formula in formulas_of(card))
    for name, words in told:
        first = next(one for one in CARDS.values() if name in one.functions)
        assert (
            "|" in words
            or (words if first is card else f"see [{first.title}]({first.name}.md#in-libraries)")
            in text
        )
    assert (
        not read.draws(card) or in_words(card).count("likely") + in_words(card).count("expert") >= 1
    )


def test_formulas_are_read_by_katex():
    """A command that ends one string runs into the letter that begins the next: \\quad and Q are
    \\quadQ."""
    for card in CARDS.values():
        for formula in formulas_of(card):
            typeset(formula)


def test_read_off_the_code():
    assert read.boxes(CARDS["trpo"]) == ["objective", "update"]
    assert read.boxes(CARDS["grpo"]) == ["advantage", "objective"] and "rollout" in read.boxes(
        CARDS["trapo"]
    )
    assert ("delta_tv", "0.15") in [row[:2] for row in read.settings(CARDS["dppo"])], (
        "the default that runs"
    )
    assert read.asks(CARDS["troll"]) == [
        "the policy's whole distribution at every token",
        "the anchor's whole distribution at every token",
    ]
    assert any("bypass mode" in text for _, text in read.deviations(CARDS["dppo"]))


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
    sweep, base, ratio = read.cost(CARDS["trpo"])
    assert (sweep, base) == ("dial_methods", "reinforce") and ratio.low <= ratio.value <= ratio.high
    each = seconds["trpo"] / seconds["reinforce"]
    assert each.min() <= ratio.value <= each.max() and ratio.value > 5
    assert read.cost(CARDS["reinforce"]) is None and read.cost(CARDS["sft"])[0] == "trapo"


def card_with(**fields):
    """A card that holds nothing but what every card must have."""
    names = ("what", "to", "how", "loss", "weight", "source", "use")
    kinds = {"ratio": "none", "level": "token", "action": "nothing", "signed": None}
    return MethodCard("x", "X", "ratio", **dict.fromkeys(names, ""), **kinds, **fields)


WHERE = {
    "paper": r"\b(equations?|section|appendix|Algorithm) \w+",
    "code": r"\bauthors?\b|\d+\.\d+\.\d+|\bat [0-9a-f]{8}\b|\w/\w|implementation|ports",
    "quoted": r"\b(notes|summar|transcriptions)",
    "ours": r"\w+ \w+",
}
"""What a stamp of each kind has to name: a place in the paper; whose code, or which version; who
printed it; and in words of any kind what we made it from."""
SAID = {
    "paper": r"\b(eq\.|sec\.|section|appendix|Algorithm) \w+",
    "code": r"\bcode\b",
    "quoted": r"as printed in [\w ]+; the paper itself was not read",
    "ours": r"\bours\b|derived here",
}
"""How a docstring says the same."""


def test_a_card_must_say_where_its_formula_comes_from():
    made = card_with(provenance="code", read_in="verl 0.9.1", besides="δ is our choice.")
    assert provenance(made) == (
        "Formula: the code of verl 0.9.1; not read in the paper. δ is our choice."
    )
    given = {"provenance": "ours", "read_in": "the abstract"}
    for missing in given:
        said = f"TypeError: .*required keyword-only argument: '{missing}'"
        refused(said, card_with, **{k: v for k, v in given.items() if k != missing})
    named(card_with, given, provenance=("from memory",))
    said = ".*read_in of 'x': expected what was read, got nothing"
    refused(said, card_with, **given | {"read_in": ""})


@pytest.mark.parametrize("card", CARDS.values(), ids=lambda card: card.name)
def test_stamp_and_docstring_agree(card):
    """A stamp names a place in what was read, and a docstring of what computes the formula says the
    same kind, with the same numbers of equations."""
    assert re.search(WHERE[card.provenance], card.read_in), card.read_in
    assert card.besides == "" or card.besides.endswith(".")
    entry = OBJECTIVES.get(card.name) or RELATIVES[card.name]
    kind = fields.dataclass_of(entry) if hasattr(entry, "func") else entry
    texts = [inspect.getdoc(kind) or "", *(documented(name) for name in card.functions)]
    told = " ".join(" ".join(texts).split())
    assert re.search(SAID[card.provenance], told), told
    if card.provenance == "paper":
        numbers = {int(number) for number in re.findall(r"\d+", told)}
        spans = [range(int(a), int(b) + 1) for a, b in re.findall(r"eq\. (\d+)-(\d+)", told)]
        asked = map(int, re.findall(r"\d+", card.read_in))
        assert numbers.union(*spans) >= {*asked}, told
    else:
        assert "read in the paper" not in told.replace("not read in the paper", "")


def documented(name):
    module, _, attribute = name.rpartition(".")
    return inspect.getdoc(getattr(import_module(module), attribute)) or ""
