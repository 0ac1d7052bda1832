"""What single explorables are for: their handles follow a hand and the keyboard, and their figures are
those of the state. What all of them share is in `test_every_explorable.py`."""

import pytest

from tests.book.browser.test_every_explorable import DRAWN, keys_of
from tests.by_day import by_day

pytestmark = pytest.mark.test_all("each figure by hand: seconds of a browser for each")

HANDLE = ".trx .handle"
BY_DAY = (
    "Projection",
    "RatioMap",
    "Simplex",
    "Staleness",
    "TokenMicroscope",
    "Unifier",
    "VocabularyStep",
)
STATES = {
    "BaselineRadius": [
        ({}, "calm", {"right in the end": "0.73", "KL(μ‖π) now": "0.62", "in the end": "0.62"}),
        ({"baseline": 0.1}, "fail", {"mean push J − b": "0.10", "in the end": "∞"}),
        ({"baseline": 0.5, "steps": 1}, "fail", {"right in the end": "no closed form"}),
    ],
    "Loop": [({"group": "none"}, "fail", {}), ({"group": "luck"}, "fail", {})],
    "Projection": [
        ({"delta": 0.0}, "fail", {"multiplier η": "∞", "nats to q: π̃ → π": "0.07 → 0"}),
        ({"delta": 0.05, "advantage": 0.0}, "fail", {"multiplier η": "0.20"}),
        ({"advantage": 1.0, "shift": [0.0] * 8}, "calm", {"multiplier η": "0"}),
    ],
    "QueryDual": [
        ({}, "calm", {"A: λ": "0.93", "B: λ": "0.36", "A: KL spent": "0.10"}),
        ({"rewards": 4 * [1] + 4 * [0]}, "calm", {"A: λ": "1.06", "B: λ": "0.36"}),
        ({"rewards": 8 * [1]}, "calm", {"A: λ": "0", "A: KL spent": "0"}),
        ({"rewards": 10 * [1] + [0]}, "fail", {"A: KL spent": "0.10"}),  # log(11/10) < the radius
        ({"delta": 0.05}, "calm", {"A: KL spent": "0.05"}),
        ({"delta": 0}, "fail", {"A: λ": "∞", "A: KL spent": "0"}),
        ({"delta": 0.1, "direction": "forward"}, "calm", {"A: KL spent": "0.10"}),
        ({"rewards": [2, 0, 0]}, "calm", {"B: KL spent": "0.10"}),  # impossible: what was before
    ],
    "Staleness": [
        ({}, "calm", {}),
        ({"run": "none"}, "fail", {"silenced, A > 0": "24 of 206"}),
        ({"eps_high": 9.0}, "fail", {"silenced, A > 0": "0 of 206"}),
        ({"update": 0}, "calm", {"mean of |r − 1| / 2": "0", "farthest token": "none has moved"}),
        ({"run": "none", "update": 32}, "fail", {"new completions earn": "0.55"}),
    ],
    "TokenMicroscope": [
        ({}, "fail", {}),
        ({"token": 0}, "fail", {"A → weight w": "0.81 → 0", "silenced, A > 0": "19 of 199"}),
        ({"method": "cispo"}, "calm", {"A → weight w": "0.81 → 0.97"}),
        ({"method": "dppo_tv"}, "calm", {"silenced, A > 0": "0 of 199"}),
    ],
    "Unifier": [
        ({"distance": "tv"}, "calm", {"radius, TV": "0.250", "gain, TV": "0.230 of 0.620"}),
        ({"distance": "ppo"}, "fail", {"window ε": "0.500"}),
    ],
    "VocabularyStep": [
        (
            {
                "method": "ppo",
                "start": "rare",
                "token": 7,
                "sign": 1,
                "size": 1.0,
                "lr": 0.1,
                "steps": 16,
            },
            "fail",
            {"r = π/π_old": "1.31"},
        ),
    ],
}
"""One state after the other: its settings, how its verdict looks, some of the figures beside it."""


@pytest.mark.parametrize("name", STATES)
def test_figures_and_verdict_are_those_of_the_state(visit, name):
    one = visit(name)
    for settings, tone, figures in STATES[name]:
        one.set(**settings)
        assert one.page.locator(".trx .verdict").get_attribute("data-tone") == tone, settings
        assert one.facts().items() >= figures.items(), settings


@pytest.mark.parametrize(
    "name",
    by_day(
        [name for name in DRAWN if name not in ("Loop", "Wall")],
        *BY_DAY,
        reason="the same for every handle of every figure",
    ),
)
def test_a_handle_follows_a_hand_and_keys(visit, name):
    """The first and the last of a figure. A step in one direction may meet an end."""
    one, keys = visit(name), keys_of(name)
    for place in {0, one.page.locator(HANDLE).count() - 1}:
        way = []
        for right, up in ((60, 60), (-60, -60)):
            before, start = one.state(keys), one.middle(HANDLE, place)
            one.drag(start, right=right, down=-up)
            end = one.middle(HANDLE, place)
            if one.state(keys) != before:
                way.append(min(abs(end[0] - start[0] - right), abs(start[1] - end[1] - up)))
        assert way and min(way) < 30, "it is where the hand is"
        states = [one.state(keys)]
        for key in ("Left", "Right", "Up", "Down"):
            one.press(f"{HANDLE} >> nth={place}", f"Arrow{key}")
            states.append(one.state(keys))
        assert any(state != states[0] for state in states), "the keyboard moves it"
    assert one.page.locator(".trx .notes").is_hidden(), "an ordinary drag shows no note"
