"""Method cards: what they state by hand agrees with the code, and what is made of them is made of
all of them."""

import re

import pytest

from book.build.cards import CARDS, FAMILIES
from book.build.cards.curve import LENGTHS, weights
from book.build.paths import ROOT
from trlib.algorithms import ALGORITHMS
from trlib.relatives import RELATIVES

pytestmark = pytest.mark.test_all("pages of every method")

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
    for page, title in re.findall(r'book/methods/(\w+), title: "([^"]+)"', toc):
        text = (ROOT / f"book/methods/{page}.md").read_text(encoding="utf-8")
        assert f"\n# {title}\n" in f"\n{text}", "a line in _toc.yml has its page's title"
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
