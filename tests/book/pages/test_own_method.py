"""A method of the reader's own: the file `mine.py` that the page writes of a formula, beside what the
page computes. What a formula may be is in `node/explorables.test.mjs`."""

import json
import warnings
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from tests.typed import typed
from trlib.algorithms.method import Scores
from trlib.methods import method_kind

tensor = partial(torch.tensor, dtype=torch.float64)
FORMULAS = {
    "ppo": ("A*r*((A>=0 && r<=1+d) || (A<=0 && r>=1-d))", {"d": 0.2}),
    "cispo": ("A*clip(r, 1-d, 1+d)", {"d": 0.2}),
    "gspo": ("A*s*((A>=0 && s<=1+h) || (A<=0 && s>=1-k))", {"h": 4e-4, "k": 3e-4}),
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
    "of a completion": (
        "A*r*(largest(l^2) <= c) + A*mean(abs(r - 1)) + sofar(l) - where(t > 0, smallest(r), 1)",
        {"c": 0.3},
    ),
    "names that Python has": (
        "A*r*loss + import - weight",
        {"loss": 2, "import": 1e-7, "weight": 1},
    ),
}
WRITTEN = """async (m, { formula, constants, rows }) => {
    const { own } = await load('engine/js/own.js'), weigh = own({ formula, constants });
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
        name: tensor([row[name] + [float("nan")] * (width - len(row[name])) for row in rows])
        for name in ("old", "logp")
    }
    mask = ~padded["old"].isnan()
    advantages = tensor([row["advantage"] for row in rows]).unsqueeze(-1).expand_as(mask)
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
    command = (
        "train --method mine.py:Mine --set d=0.01 --policy dial --steps 2 --prompts 2 --group 4"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert typed(f"{command} --epochs 4 --lr 0.001 --quiet --json") == 0
    assert json.loads(capsys.readouterr().out)
    assert typed("methods mine.py:Mine") == 0
    assert "d=0.15" in capsys.readouterr().out.replace(" ", "")
