"""The worths of `survival` against those of trbook.horizon."""

import pytest

from trbook.horizon import METHODS, Chain, estimate, survives, worth

pytestmark = pytest.mark.test_all("one figure's own mathematics")

JS = """(m, all) => all.map(([s, count]) => {
    const c = m.chain(s);
    return { spread: c.spread, gradient: c.gradient, value: c.value, of: m.judge(c, m.METHODS, count),
        means: Object.fromEntries(m.METHODS.map(name => [name, m.estimate(c, name).mean])) };
})"""
ASKED = [
    ({"horizon": horizon, "versions": versions, "noise": noise, "safe": safe}, count)
    for horizon, count in ((4, 8), (64, 64), (300, 4096), (2048, 64))
    for versions, noise in ((0, 0), (0, 0.03), (1, 0), (5.5, 0.01), (16, 0.1))
    for safe in (1, 0.5)
]


def test_every_correction_is_worth_what_python_says(sources):
    found = sources("survival/maths.js", JS, ASKED)
    for (setting, count), got in zip(ASKED, found, strict=True):
        chain = Chain(**setting)
        assert got["spread"] == pytest.approx(chain.spread, rel=1e-9, abs=1e-15)
        assert got["value"] == pytest.approx(list(chain.value), rel=1e-9)
        assert got["gradient"] == pytest.approx(chain.gradient.tolist(), rel=1e-9)
        for method in METHODS:
            said = got["of"][method]
            assert got["means"][method] == pytest.approx(
                estimate(chain, method)[0].tolist(), rel=1e-6, abs=1e-9
            )
            assert said["survives"] == pytest.approx(
                survives(chain, method, count), rel=1e-5, abs=1e-9
            ), (
                setting,
                method,
            )
            assert said["worth"] == pytest.approx(
                worth(chain, method, count), rel=1e-5, abs=1e-6
            ), (setting, method)
