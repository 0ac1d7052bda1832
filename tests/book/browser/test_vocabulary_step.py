"""The vocabulary step by hand: words and steps are dragged and chosen, and every state says what it
shows."""

import pytest

RARE = {"start": "rare", "token": 7, "sign": 1, "size": 1.0, "lr": 0.1, "steps": 16}


def row(one, name):
    """What the table says of a method: π(y), r, TV, KL, and what it does then."""
    return (
        one.page.locator(".trx .methods tbody tr", has_text=name)
        .first.locator("td")
        .all_text_contents()
    )


def test_the_clip_pins_a_rare_word_that_masks_let_grow(visit):
    one = visit("VocabularyStep")
    one.set(**RARE)
    assert "PPO stopped after 2 steps" in one.text(".trx .verdict")
    assert one.page.locator(".trx .verdict").get_attribute("data-tone") == "fail"
    ppo, binary, full = row(one, "PPO, GRPO"), row(one, "DPPO, TV"), row(one, "DPPO, full TV")
    assert ppo[-1] == "silent at 2" and float(ppo[1]) < 1.35 and float(ppo[2]) < 0.02
    assert float(binary[2]) > float(full[2]) > 0.15, "the finer measure stops first"


@pytest.mark.nightly("steps through the whole explorable")
def test_words_and_steps_follow_the_hand(visit):
    one = visit("VocabularyStep")
    one.page.locator(".trx .more-settings summary").click()
    one.page.get_by_label("sampled word", exact=True).select_option(index=5)
    one.settle()
    assert one.state(["token"]) == {"token": 5} and "“slowly”" in one.text(".trx .facts dt")
    one.press(".trx .handle", "Shift+ArrowDown")
    assert one.get("token") == 6
    one.page.get_by_role("slider", name="inner steps").press("End")
    one.page.get_by_label("method", exact=True).select_option(label="TROLL")
    one.settle()
    assert one.state(["steps", "method"]) == {"steps": 64, "method": "troll"}
    one.set(token=2.5)
    assert one.state(["token"])["token"] in (2, 3) and "whole number" in one.text(".trx .notes")
