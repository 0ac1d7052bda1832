"""A method of the reader's own, as a formula: what the parser takes and refuses, lanes written as
formulas beside the built-in ones, and the file `mine.py` that the page writes beside what the page
computes."""

import json
import re
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from playwright.sync_api import expect

from tests.book.browser.double import double
from tests.book.browser.test_engine_loop import LANE, given_of
from tests.by_day import by_day
from trlib.algorithms.method import Scores
from trlib.cli import main
from trlib.methods import method_kind

pytestmark = pytest.mark.test_all("the playground's engine")

CLIP = "A*r*((A>=0 && r<=1+d) || (A<=0 && r>=1-d))"
GATE = "4*exp(-abs((A>0 ? a : b)*(r-1)))/(1+exp(-abs((A>0 ? a : b)*(r-1))))^2*r*A"
WINDOW = "A*s*((A>=0 && s<=1+h) || (A<=0 && s>=1-k))"
BUILT_IN = {
    "ppo": (CLIP, {"d": 0.2}, {}),
    "cispo": ("A*clip(r, 1-d, 1+d)", {"d": 0.2}, {"advantage": "group-std"}),
    "sapo": (
        GATE,
        {"a": 1, "b": 1.05},
        {"advantage": "group-std", "aggregation": "seq-mean-token-mean"},
    ),
    "gspo": (
        WINDOW,
        {"h": 4e-4, "k": 3e-4},
        {"advantage": "group-std", "aggregation": "seq-mean-token-mean"},
    ),
}
RUN = (
    LANE
    + """
    const rows = Array.from({ length: 6 }, () => lane.run());
    return { rows, weights: text(lane.engine.read()) };
"""
)


@pytest.mark.parametrize("name", by_day(BUILT_IN, "ppo", reason="three more formulas"))
def test_a_method_written_as_a_formula_learns_like_the_built_in_one_to_the_last_bit(ask, name):
    formula, constants, more = BUILT_IN[name]
    shared = {"lr": 1e-4, "epochs": 8, "minibatches": 2, "group": 4, "seed": 5}
    own = {"method": "own", "thresholds": {"formula": formula, "constants": constants, **more}}
    one, other = (
        ask(RUN, **given_of("dial", settings={**shared, **kind}))
        for kind in ({"method": name}, own)
    )
    assert one["rows"][-1]["kept"] < 1 or name in ("cispo", "sapo"), "the region is at work"
    assert one == other


PARSE = """(m, all) => all.map((text) => {
    try { const { tree, constants } = m.parse(text);
        const token = { A: 1, r: 1.5, p: .75, q: .5, l: Math.log(1.5), s: 1.2, t: 2, n: 5 };
        return [String(m.weightOf(tree, Object.fromEntries(constants.map((name) => [name, .2])))(token)), constants]; }
    catch (error) { return [error.name, error.at, error.message]; } })"""
VALUES = {
    "w = A*r": 1.5,
    "-r^2": -2.25,
    "2^3^2": 512,
    "r**-1": 1 / 1.5,
    "1 - 2 - 3": -4,
    "8/2/2": 2,
    "not A > 0 or r < 2": 1,
    "!A + 1": 1,
    "A > 0 ? 1 : A < 0 ? 2 : 3": 1,
    "if(A > 0, r, q)": 1.5,
    "min(r, 1 + d, 3) - max(0, d)": 1,
    "1.5e1 + .5": 15.5,
    "0/0 + 0*log(0)": 0,
    "A×r − 1": 0.5,
    "A·π÷μ": 1.5,
    "r ≤ 1.5 and r ≥ 1 and r ≠ 2": 1,
    "r² − r³ + √(q·2) + √p²": 2.25 - 3.375 + 1 + 0.75,
    "ε + δ + eps": 0.6,
}
REFUSED = {
    "": (0, "expected a formula, such as A*r, got the end"),
    "A*r*(": (5, 'expected a number, a name or "(", got the end'),
    "A r": (2, 'a product is written with "*", got "r"'),
    "A*constructor(1)": (2, "expected a function: min, max"),
    "__proto__": (0, 'got "_"'),
    "A*r; alert(1)": (3, 'got ";"'),
    "1e999": (0, 'expected a number below 1.8e308, got "1e999"'),
    "w*2": (0, "expected anything but w, which the formula is to define"),
    "A*ratio": (2, 'expected r for the token\'s ratio p/q, got "ratio"'),
    "r = 2": (2, 'expected "==", which compares'),
    "0 < r < 2": (6, 'expected "and" between two comparisons'),
    "clip(r)": (0, "expected 3 arguments of clip, got 1"),
    "x" * 500: (400, "expected at most 400 characters, got 500"),
    "(" * 300: (40, "expected at most 40 brackets and signs inside each other"),
    "-" * 300: (40, "expected at most 40 brackets and signs inside each other"),
    "a+b+c+d+e+f+g+h+i": (16, "expected at most 8 constants"),
}


def test_formulas_have_one_meaning_and_errors_have_a_place(sources):
    found = sources("engine/js/formula.js", PARSE, list(VALUES))
    assert [float(value) for value, _ in found] == pytest.approx(list(VALUES.values()))
    for text, (name, at, message) in zip(
        REFUSED, sources("engine/js/formula.js", PARSE, list(REFUSED)), strict=True
    ):
        assert (name, at) == ("FormulaError", REFUSED[text][0]), text
        assert (
            message.startswith(f"Character {at + 1}: expected ") and REFUSED[text][1] in message
        ), text
    # Names of JavaScript's own objects are constants like any other.
    assert sources("engine/js/formula.js", PARSE, ["A*toString + constructor"]) == [
        ["0.4", ["toString", "constructor"]]
    ]


def test_a_lane_whose_weight_is_no_number_stops_and_says_at_which_token(ask):
    stops = "try { lane.run(); return 'ran'; } catch (error) { return error.message; }"
    cases = {
        "log(abs(A))": "your formula gives infinity at A = 0",
        "A/(r - 1)": "infinity at A = ",
        "sqrt(0-r)": "no number",
    }
    for formula, told in cases.items():
        settings = {"method": "own", "group": 4, "thresholds": {"formula": formula}}
        said = ask(LANE + stops, **given_of("dial", settings=settings))
        assert said.startswith("batch 0: your formula gives") and told in said
    with pytest.raises(
        Exception, match="d: expected a number for this constant of the formula, got undefined"
    ):
        ask(LANE, **given_of("dial", settings={"method": "own", "thresholds": {"formula": "A*d"}}))


def test_completions_without_an_advantage_are_left_out_where_they_can_teach_nothing(
    sources,
):
    found = sources(
        "engine/js/own.js",
        "(m, all) => all.map(([formula, constants]) => m.proportional({ formula, constants }))",
        [
            *([formula, constants] for formula, constants, _ in BUILT_IN.values()),
            ["A > 0 ? r : 0", {}],
            ["A*r - a*(r-1)", {"a": 0}],
            ["A*r - a*(r-1)", {"a": 0.1}],
            ["A >= 0 ? r : 0", {}],
        ],
    )
    assert found == [True] * 6 + [False] * 2


FORMULAS = {
    **{name: (formula, constants) for name, (formula, constants, _) in BUILT_IN.items()},
    "tv": ("A*r*!(A>0 ? p-q>d : q-p>d)", {"d": 0.15}),
    "drift": (
        "(A>=0 && l<=log(1+d) or A<=0 && l>=log(1-d))*A - lambda*min(r-1, c)",
        {"d": 0.2, "lambda": 0.1, "c": 0.2},
    ),
    "numbers of numbers": (
        "A*(abs(-c)^2 + exp(-c)*log(c) + sqrt(c)/tanh(c) + sign(c) + sigmoid(c) + clip(c, 0, 1))",
        {"c": 1.5},
    ),
    "all of a token": ("A*sigmoid(l)*tanh(p+q)*sqrt(q)/(1+t)*n^0.5 + sign(A)*abs(l)", {}),
    "truths are numbers": ("A*((r>1) + (p>q) - (t==0)) + (A>0)*(n!=5) + (r>1)*(q>c)", {"c": 0.1}),
    "over nothing": ("A/abs(A)*r + A*log(abs(A))*exp(l)", {}),
    "bounds that move": (
        "A*clip(r, 1-q, 1+p) + min(r, s, 2)*max(p, q) + clip(c, p, q)",
        {"c": 0.3},
    ),
    "names that Python has": (
        "A*r*loss + import - weight",
        {"loss": 2, "import": 1e-7, "weight": 1},
    ),
}
WRITTEN = """async (m, { formula, constants, rows }) => {
    const { own } = await import('/engine/js/own.js'), weigh = own({ formula, constants });
    return { file: m.fileOf({ formula, constants, advantage: 'group-mean', aggregation: 'token-mean' }),
        found: rows.map((row) => weigh(row)) }; }"""


def completions():
    """Rare and certain tokens, ratios from a twentieth to twenty, advantages of both signs and
    none."""
    draw = np.random.default_rng(3)
    rows = []
    for i in range(60):
        old = 3 * np.log(draw.uniform(size=1 + i % 9))
        logp = np.minimum(
            -1e-6, old + draw.uniform(-1.5, 1.5, old.size) * draw.choice([0.01, 1, 2])
        )
        advantage = float(draw.choice([0, 1, -1, draw.normal()]))
        rows.append({"old": old.tolist(), "logp": logp.tolist(), "advantage": advantage})
    return rows


def weights_of(file, rows):
    """What the method in a file makes of completions, in double precision, padded."""
    width = max(len(row["old"]) for row in rows)
    padded = {
        name: double([row[name] + [float("nan")] * (width - len(row[name])) for row in rows])
        for name in ("old", "logp")
    }
    mask = ~padded["old"].isnan()
    advantages = double([row["advantage"] for row in rows]).unsqueeze(-1).expand_as(mask)
    batch = SimpleNamespace(mask=mask, advantages=advantages, logp_anchor=padded["old"])
    logp = padded["logp"].requires_grad_()
    loss = method_kind(f"{file}:Mine")().objective(Scores(logp), batch)
    torch.where(mask, loss.per_token, 0.0).sum().backward()
    weight, kept = loss.diagnostics["weight"], loss.diagnostics["kept"]
    torch.testing.assert_close(-torch.where(mask, logp.grad, 0.0), weight, rtol=0, atol=0)
    assert not weight[~mask].any() and not kept[~mask].any()
    return [
        (w[keep].tolist(), k[keep].tolist()) for w, k, keep in zip(weight, kept, mask, strict=True)
    ]


@pytest.mark.parametrize("case", FORMULAS)
def test_the_file_that_the_page_writes_weighs_tokens_as_the_page_does(sources, tmp_path, case):
    formula, constants = FORMULAS[case]
    rows = completions()
    answer = sources(
        "formula/python.js", WRITTEN, {"formula": formula, "constants": constants, "rows": rows}
    )
    (tmp_path / "mine.py").write_text(answer["file"], encoding="utf-8")
    for wanted, (weight, keep) in zip(
        answer["found"], weights_of(tmp_path / "mine.py", rows), strict=True
    ):
        # Where terms cancel, the last digit of a term is more than the last digit of the sum.
        np.testing.assert_allclose(weight, wanted["weight"], rtol=1e-14, atol=4e-15)
        assert keep == wanted["kept"]


def test_trlib_trains_by_the_file(sources, tmp_path, monkeypatch, capsys):
    """As book/own.md says it."""
    given = {"formula": FORMULAS["tv"][0], "constants": FORMULAS["tv"][1], "rows": []}
    (tmp_path / "mine.py").write_text(
        sources("formula/python.js", WRITTEN, given)["file"], encoding="utf-8"
    )
    monkeypatch.chdir(tmp_path)
    settings = {
        "steps": 2,
        "prompts": 2,
        "group": 4,
        "epochs": 4,
        "lr": 0.001,
        "set": "d=0.01",
        "policy": "dial",
    }
    words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert main(["train", "--method", "mine.py:Mine", *words, "--quiet", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)
    assert main(["methods", "mine.py:Mine"]) == 0
    assert "d=0.15" in capsys.readouterr().out.replace(" ", "")


LANE_OF = '[data-explorable="playground"] [data-lane]'


def test_a_formula_is_typed_marked_drawn_shared_and_written_as_python(visit, until):
    page = visit(
        "Playground", "#playground:seed=1&a=ppo,group:2", viewport={"width": 360, "height": 800}
    ).page
    page.get_by_label("Lane A, method").select_option(label="your own")
    expect(page.locator(LANE_OF).first).to_have_attribute("data-method", "own")
    field, problem = page.get_by_label("Your formula for w"), page.locator(".fm-problem")
    expect(field).to_have_value("A*r")
    expect(page.locator(".fm-up")).to_have_attribute("d", re.compile("^M.+L"))
    before = page.locator(".fm-up").get_attribute("d")
    field.fill("A*r*(abs(p-q) < d")
    expect(problem).to_contain_text('Character 18: expected ")", got the end.')
    expect(field).to_have_attribute("aria-invalid", "true")
    field.fill("<b>A</b>")
    expect(problem).to_contain_text("Character 1: expected a number")
    assert page.locator(".fm b").count() == 0
    field.fill("A*r*(abs(p-q) < d)")
    expect(problem).to_have_text("")
    page.get_by_role("slider", name="Lane A, constant d").press("ArrowLeft")  # 0.2 becomes 0.15
    reading = page.locator(".fm-reading")
    expect(reading).to_contain_text("A > 0: silent below r = 0.50 and above r = 1.50.")
    assert page.locator(".fm-up").get_attribute("d") != before
    page.get_by_text("The same in Python").click()
    expect(page.get_by_label("Python", exact=True)).to_contain_text("d: float = 0.15")
    until(page, "location.hash.includes('_d:0.15')")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("button", name="One batch", exact=True).click()
    expect(page.locator(LANE_OF).first).to_have_attribute("data-batch", "1")
    other = visit("Playground", page.evaluate("location.hash")).page
    expect(other.get_by_label("Your formula for w")).to_have_value("A*r*(abs(p-q) < d)")
    slider = other.get_by_role("slider", name="Lane A, constant d")
    expect(slider).to_have_attribute("aria-valuetext", "0.15")
