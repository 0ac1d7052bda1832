"""How methods look: legible in light, in dark, and without colour."""

import json
from importlib.resources import files
from itertools import combinations

import numpy as np
import pytest

from book.build.methods import TRAINED
from trlab.drawing import LOOKS
from trlab.drawing.display_names import NAMES
from trlib.relatives import RELATIVES

PAPERS = (("#ffffff", "#f7f8fa", "#f4f6f6"), ("#12181e", "#14181d", "#1b2026", "#1b232b"))
"""What the book's pages and the explorables' panels are, light and dark."""


def channels(colour):
    """Linear red, green and blue of a hexadecimal sRGB colour."""
    s = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    return np.where(s <= 0.04045, s / 12.92, ((s + 0.055) / 1.055) ** 2.4)


def contrast(a, b):
    """WCAG's contrast ratio."""
    high, low = sorted(
        (float(channels(c) @ [0.2126, 0.7152, 0.0722]) for c in (a, b)), reverse=True
    )
    return (high + 0.05) / (low + 0.05)


def lab(linear):
    """CIELAB, D65."""
    to_xyz = np.array(
        [
            [0.4124564, 0.3575761, 0.1804375],
            [0.2126729, 0.7151522, 0.0721750],
            [0.0193339, 0.1191920, 0.9503041],
        ]
    )
    t = to_xyz @ np.clip(linear, 0, 1) / to_xyz.sum(1)
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


TABLE = json.loads((files("trlab") / "drawing" / "looks.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(("theme", "papers"), [*enumerate(PAPERS)])
def test_every_hue_can_be_read_on_its_papers(theme, papers):
    """4.5 : 1, because names are written in them."""
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    hues = {name: hue[theme] for name, hue in TABLE["hues"].items()}
    low = [(name, p) for name, hue in hues.items() for p in papers if contrast(hue, p) < 4.5]
    assert not low


# Machado, Oliveira and Fernandes 2009, at full severity, on linear light.
SEEN = {
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("vision", SEEN)
def test_hues_are_told_apart_with_any_colour_vision(vision, theme):
    seen = {
        key: lab(np.array(SEEN[vision]) @ channels(hue[theme]))
        for key, hue in TABLE["hues"].items()
    }
    for kind in "ha":  # of methods, and of arms that are none
        own = [place for key, place in seen.items() if key[0] == kind]
        assert min(float(np.linalg.norm(a - b)) for a, b in combinations(own, 2)) > 15


def test_no_two_methods_look_the_same_and_methods_of_one_hue_differ_without_it():
    looks = {key: tuple(look) for key, look in TABLE["looks"].items()}
    assert [pair for pair in combinations(looks, 2) if looks[pair[0]] == looks[pair[1]]] == []
    assert {hue for hue, _, _ in looks.values()} <= TABLE["hues"].keys()
    main = ("pg_is", "fresh", "ppo", "grpo", "gspo", "dppo", "quatro", "troll", "cispo")
    assert len({looks[key][0] for key in main}) == len(main), "hue"
    assert len({looks[key][1:] for key in (*main, "split")}) == len(main) + 1, "dash and mark"
    assert {*TABLE["also"].values()} <= looks.keys()


def test_every_method_that_the_book_draws_has_a_look():
    """The methods of the playground, of the gallery and of chapters 3, 4 and 10, and what has a name
    for figures only. A method that is added later may have a card and no look."""
    chapters = {"trpo", "ppo_critic", "trapo", "sft", "sft_then_rl", "sft_plus_rl"}
    drawn = {*TRAINED.split(), *RELATIVES, *chapters, *TABLE["names"]}
    assert drawn <= NAMES.keys()
    assert sorted(drawn - LOOKS.keys()) == [], "give these a line in trlab/drawing/looks.json"


@pytest.mark.parametrize("theme", [0, 1])
def test_what_is_no_method_has_no_method_s_hue(theme):
    seen = {key: lab(channels(hue[theme])) for key, hue in TABLE["hues"].items()}
    methods = [
        seen.pop(hue)
        for hue in {hue for hue, *_ in (LOOKS[key] for key in NAMES.keys() & LOOKS.keys())}
    ]
    assert seen.keys() == {"a0", "a1", "a2", "a3", "good", "bad"}
    near = min(float(np.linalg.norm(a - b)) for a in methods for b in seen.values())
    assert near > 15
