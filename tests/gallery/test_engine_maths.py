"""The engine's formulas of the gallery's methods in Chromium against trlib, in double precision."""

import pytest

from tests.book.browser.test_engine_maths import (
    a_batch,
    assert_overflowing_ratios,
    assert_weights_and_masks,
    completions,
)
from trlib.relatives.ratios import (
    bapo_bounds,
    bapo_loss,
    cpgd_loss,
    minpro_loss,
    r2vpo_loss,
    trefree_loss,
)

OBJECTIVES = {
    "bapo": ("bapo", {}, bapo_loss),
    "bapo by gradients": (
        "bapo",
        {"count": "gradient", "target": 3.0, "dual_clip": None},
        bapo_loss,
    ),
    "minpro": ("minpro", {}, minpro_loss),
    "minpro without a lower bound": ("minpro", {"eps_low": 1.0, "eps_high": 1.5}, minpro_loss),
    "cpgd": ("cpgd", {"alpha": 0.3, "eps": 0.15}, cpgd_loss),
    "r2vpo": ("r2vpo", {"lam": 0.7}, r2vpo_loss),
    "trefree": ("trefree", {"delta": 0.15}, trefree_loss),
}


@pytest.mark.parametrize("case", OBJECTIVES)
@pytest.mark.parametrize("spread", [1e-5, 0.4])
def test_weights_and_masks_are_those_of_the_losses(ask, case, spread):
    assert_weights_and_masks(ask, OBJECTIVES[case], spread)


def test_overflowing_ratios_are_as_in_trlib(ask):
    assert_overflowing_ratios(ask, OBJECTIVES)


@pytest.mark.parametrize("count", ["value", "gradient"])
def test_the_window_of_bapo_is_searched_as_in_trlib(ask, count):
    windows = set()
    for seed in range(6):
        for target in (0.2, 0.6, 0.8, 1.0, 1.2, 4.0):
            batch = a_batch(seed, 0.5)
            given = {
                "count": count,
                "target": target,
                "low": 0.55,
                "low_most": 0.9,
                "high": 1.1,
                "high_most": 3.0,
            }
            found = ask(
                """const { method } = await import("/engine/js/methods.js");
                return method("bapo", given.settings).survey(given.completions).window;""",
                settings=given,
                completions=completions(batch),
            )
            ratio, advantages = (
                (batch.logp - batch.old).exp(),
                batch.advantages.unsqueeze(-1).expand_as(batch.logp),
            )
            assert tuple(found) == bapo_bounds(ratio, advantages, batch.mask, **given)
            windows.add(tuple(found))
    assert len(windows) > (3 if count == "value" else 12), (
        "counted by value there is nearly no stop on the way"
    )
