"""The loop in one line: which stages are filled, what a screen reader hears, where its link
leads."""

from bs4 import BeautifulSoup

from trbook.strip import STAGES, strip


def test_only_the_chosen_stages_are_filled_in_the_order_of_the_loop():
    page = BeautifulSoup(
        strip("objective", "advantage", changed="a group & its mean").html(), "html.parser"
    )
    assert [stage.text for stage in page.select("li")] == list(STAGES)
    assert [stage.text for stage in page.select("li.lit")] == ["advantage", "objective"]
    assert page.p is not None and page.p.text.startswith(
        "advantage and objective: a group & its mean · "
    )


def test_a_reader_who_cannot_see_it_hears_what_changes():
    (group,) = BeautifulSoup(strip("objective", changed="r · A").html(), "html.parser").select(
        "[role=group]"
    )
    assert group["aria-label"] == (
        "The loop, rollout, advantage, objective, update, and again. This chapter changes the "
        "objective: r · A."
    )
    assert len(group.select("[aria-current]")) == 1, "the colour is not the only sign"
    assert repr(strip("update")) == "rollout -> advantage -> objective -> UPDATE"
