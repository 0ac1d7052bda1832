"""The unifier by hand: rewards and the old policy are dragged, a distance is chosen, and what is
impossible is said."""

import math

import pytest


def handle(name):
    return f'.trx .handle[aria-label^="{name}"]'


def choose(one, name):
    """Chooses a distance, of the few or of all, and returns the verdict."""
    few = one.page.get_by_role("radio", name=name, exact=True)
    if few.count():
        few.check(force=True)
    else:
        every = one.page.get_by_label("distance", exact=True)
        texts = every.locator("option").all_text_contents()
        every.select_option(
            index=next(i for i, x in enumerate(texts) if x.startswith(name)), force=True
        )
    one.settle()
    return one.text(".trx .verdict")


def test_rewards_and_the_old_policy_follow_the_mouse(visit):
    one = visit("Unifier")
    gain = one.text(".trx .facts dd")
    one.drag(one.middle(handle("Reward of arm 0")), right=170)
    rewards = one.get("rewards")
    assert rewards[0] > 0.5 and rewards[1:] == [0.5, 0.05, 0.65, 0.35, 1.0]
    assert one.text(".trx .facts dd") != gain
    one.drag(one.middle(handle("Old probability of arm 5")), down=-40)
    old = one.get("old")
    assert old[5] > 0.12 and sum(old) == pytest.approx(1, abs=1e-12)
    assert old[0] / old[1] == pytest.approx(1.25, abs=0.01), "the others keep their proportions"
    one.drag(one.middle(handle("Old probability of arm 5")), down=400)
    assert one.get("old")[5] == pytest.approx(0.001, abs=1e-4)
    assert one.page.locator(".trx .notes").is_hidden()
    one.press(handle("Reward of arm 2"), "ArrowRight")
    assert one.get("rewards")[2] > 0.05


def test_each_distance_has_its_shape(visit):
    one = visit("Unifier")
    assert "Exponential" in one.text(".trx .verdict")
    assert "hyperbola" in choose(one, "KL(old‖new)")
    assert "straight line" in choose(one, "χ²")
    assert "Mass moves" in choose(one, "TV")
    assert one.page.locator(".trx .facts dd").nth(3).inner_text() == "0.250"
    assert "Bang-bang" in choose(one, "ratio box")
    assert one.state(["distance"]) == {"distance": "ratio"}
    assert "travels" in choose(one, "Wasserstein") and "rare arm" in choose(one, "Euclid")
    assert "Every share spreads" in choose(one, "entropic") and "Flat beyond" not in choose(
        one, "PPO’s clip"
    )
    assert "not solved for" in choose(one, "natural step")
    own = one.page.locator(".trx .costs .own").all_text_contents()
    rho = math.sqrt(0.25)
    assert [float(text) for text in own] == pytest.approx(
        [0.125, 0.125, 0.125, 0.25, rho / math.sqrt(6), rho / 2, rho / 2, rho], abs=5e-4
    )
