"""The unifier's entropic transport in Chromium against SPO's update."""

import numpy as np
import pytest
import torch
from scipy.special import softmax

from tests.book.browser.double import double
from tests.book.browser.test_maths_simplex import radii
from tests.book.browser.test_maths_unifier import CASES, MATHS, places
from tests.by_day import by_day
from trlib.relatives.transport import spo_update


@pytest.mark.parametrize("cost", ["line", "one"])
@pytest.mark.parametrize("lam", by_day([0.5, 3.0, 100.0], 3.0, reason="two more prices"))
def test_the_entropic_optimum_is_spo_s_at_the_price_that_spends_the_radius(sources, lam, cost):
    found = sources(
        MATHS,
        "(m, [more, cases]) => cases.map(([q, R, delta]) => m.solve('entropic', q, R, delta, more))",
        [{"lam": lam, "cost": cost}, CASES],
    )
    for (old, rewards, delta), one in zip(CASES, found, strict=True):
        far, limit, beta = places(len(old), cost), radii(delta, len(old))["tv"], one["lambda"]
        q, reward = (double(x) for x in (old, rewards))
        if not one["used"]:
            assert np.dot(one["pi"], rewards) == pytest.approx(max(rewards), rel=1e-12)
            assert one["distance"] <= limit
            continue
        wanted = spo_update(q, reward, torch.tensor(far).double(), lam, beta)
        assert one["pi"] == pytest.approx(wanted.tolist(), rel=1e-9, abs=1e-12)
        plan = softmax(lam / beta * (np.array(rewards) - beta * far), axis=1)
        bill = (plan * (far + np.log(np.clip(plan, 1e-300, None)) / lam)).sum(1)
        assert np.dot(old, bill) == pytest.approx(limit, rel=1e-9)
