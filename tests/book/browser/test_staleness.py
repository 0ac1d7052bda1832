"""Staleness by hand: edges and update are dragged and moved by keys, and the words say what the
record holds."""

import pytest


@pytest.fixture
def batch(visit):
    return visit("Staleness")


def handle(name):
    return f".handle[aria-label^='{name}']"


def test_an_edge_is_dragged_and_the_counts_follow(batch):
    assert batch.facts()["silenced, A > 0"] == "24 of 206"
    batch.drag(batch.middle(handle("Upper edge")), right=160)
    assert batch.get("eps_high") > 3 and batch.facts()["silenced, A > 0"] == "0 of 206"
    assert batch.get("eps_low") == 0.2, "the other edge stays"


def test_arrow_keys_scrub_the_updates(batch):
    batch.press(handle("Update"), *3 * ["Shift+ArrowLeft"])
    assert batch.get("update") == 0
    assert batch.text(".verdict b").startswith("Every ratio is 1")
    facts = batch.facts()
    assert (facts["mean of |r − 1| / 2"], facts["farthest token"]) == ("0", "none has moved")


def test_the_promise_breaks_and_only_what_the_clip_had_silenced_is_called_silenced(
    batch,
):
    batch.set(run="none", update=32)
    assert batch.page.locator(".verdict").get_attribute("data-tone") == "fail"
    for said in ("earns 0.55", "more than the highest reward there is"):
        assert said in batch.text(".verdict")
    batch.set(run="ppo")
    assert "The clip silenced" in batch.text(".verdict")
    assert "≤ 0.0025" in batch.facts()["farthest token"], "the record ends at e^-6"
    batch.set(update=1)
    assert "earn 0.51" in batch.text(".verdict")
    assert "silenced" not in batch.text(".verdict"), "before the first update every ratio is 1"
