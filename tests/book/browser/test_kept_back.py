"""What a chapter's figure keeps back until a reader has guessed: it is drawn as far as a control has
been moved, and stays."""

import pytest

pytestmark = pytest.mark.test_all("openers by hand")


def test_both_curves_are_drawn_as_far_as_the_weight_was_moved(visit):
    one = visit("TwoSamplers")
    ends = one.page.locator(".trx:not(.still) .end")
    assert ends.count() == 2
    one.press("input[type=range]", "ArrowLeft")
    assert ends.count() == 4
    one.press("input[type=range]", "Home", "End")
    assert ends.count() == 12


def test_curves_and_basins_are_drawn_up_to_the_highest_learning_rate_so_far(visit):
    one = visit("Basin.rate")
    veils = one.page.locator(".trx:not(.still) .veil")

    def widths():
        return veils.evaluate_all("all => all.map(one => Number(one.getAttribute('width')))")

    first = widths()
    assert len(first) == 2 and min(first) > 100
    one.press("input[type=range]", "End", "Home")
    assert max(widths()) < 0.2 * min(first)


def test_a_price_is_right_where_the_dot_stands_at_the_fence_and_one_price_for_each(visit):
    one = visit("QueryDual")
    right = []
    for price in (0.25, 0.3, 0.36, 0.4, 0.8, 0.93, 1):
        one.set(price=price)
        if "right price for" in one.text(".trx:not(.still) .verdict"):
            right.append(price)
    assert right == [0.36, 0.93]


def test_of_the_clipped_tokens_those_are_counted_that_were_asked_about(visit):
    one = visit("Staleness.hold")
    verdict = ".trx:not(.still) .verdict b"
    asked = int(one.text(verdict).split()[0])
    one.set(update=32)
    assert f"Of the {asked}, " in one.text(verdict)


def test_the_batch_says_since_when_its_promise_is_impossible(visit):
    one = visit("Staleness.promise")
    verdict = ".trx:not(.still) .verdict b"
    assert "more than 1" not in one.text(verdict)
    one.set(update=32)
    since = one.text(verdict).split("update ")[1].split()[0]
    one.set(update=int(since))
    assert "more than 1" in one.text(verdict)
    one.set(update=int(since) - 1)
    assert "more than 1" not in one.text(verdict)


def test_a_token_s_weights_are_told_after_a_guess_and_x_alone_is_wrong(visit):
    one = visit("TwoLosses")
    cells = one.page.locator(".trx:not(.still) td")
    assert set(cells.all_text_contents()) == {"", "?"}
    one.page.get_by_role("radio", name="Y is right").check()
    assert cells.all_text_contents()[1:] == ["0", "0", "+1.95", "+1.42", "0", "0"]
    assert "X still increases it" in one.text(".trx:not(.still) .verdict")
