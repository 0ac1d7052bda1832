"""Every card has all of its parts: outcome, curve, settings, cost, and a line that runs it."""

import contextlib
import io
import json
import re
import shlex

import pytest

from book.build import quoted
from book.build.cards import CARDS
from book.build.cards.outcome import OF_2026, command, headline, outcomes
from tests.gallery.lines import changed
from trlib.cli import main
from trlib.loop import train as loop
from trlib.loop.settings import RunSettings
from trlib.methods import OBJECTIVES
from trlib.model import policy as policies

FUNCTIONS = [card for card in CARDS.values() if "<!--made runs-->" not in card.text]
STALE = [card for card in CARDS.values() if card.family == "asynchrony"]
"""Those whose runs are of `relay`."""
TRAINED = [card for card in CARDS.values() if "<!--made runs-->" in card.text]


@pytest.mark.parametrize("card", STALE, ids=lambda card: card.name)
def test_a_method_for_stale_data_shows_its_runs_and_the_line_that_it_changes(card):
    sweep = {"sao": "relay_sao"}.get(
        card.name, "relay_2026" if card.name in OF_2026 else "relay_best"
    )
    assert [(one.source.sweep, one.point, one.task) for one in outcomes(card)] == [
        (sweep, "own", "relay"),
        (sweep, "hot", "relay"),
    ]
    assert headline(card).point == "own"
    assert changed(card)


def test_ppo_stands_beside_a_method_only_with_runs_on_equal_data():
    """The partial completions of the staleness mask have a PPO of their own in the sweep; a batch of
    one completion per prompt has none."""
    beside = {name: [one.ppo for one in outcomes(CARDS[name])] for name in ("stale_mask", "sao")}
    assert all("'ppo, partial'" in quote for quote in beside["stale_mask"])
    assert beside["sao"] == ["", ""]
    for card in TRAINED:
        for one in (one for one in outcomes(card) if one.ppo):
            of = quoted.parse(one.ppo.removeprefix("{rec}").strip("`"))
            ppo = json.loads(quoted.part(of, whole=False)["train"].iloc[0])
            for name in {*ppo, *one.train} - {"lr", "optimizer"}:
                usual = getattr(RunSettings, name)
                assert ppo.get(name, usual) == one.train.get(name, usual), (card.name, name)


@pytest.mark.parametrize("card", TRAINED, ids=lambda card: card.name)
def test_an_outcome_is_the_record_s(card):
    for one in outcomes(card):
        assert "[" in quoted.shown(one.quote.removeprefix("{rec}`").removesuffix("`"))
        assert one.uses >= 1 and 0 < one.lr < 1


@pytest.mark.parametrize("card", TRAINED, ids=lambda card: card.name)
def test_the_line_trains_what_the_record_trained(card, monkeypatch, capsys):
    """Everything up to the first batch, as it is printed; the settings are the recorded run's, to
    four digits, or the defaults where nothing is recorded yet."""
    begun = []

    def stop(_policy, task, method, **settings):
        begun.append((task, method, settings))
        raise ValueError("begins here")

    monkeypatch.setattr(policies, "load_policy", lambda *_, **__: None)
    monkeypatch.setattr(loop, "train", stop)
    words = shlex.split(command(card))
    assert main(words[1:]) == 1 and "begins here" in capsys.readouterr().err
    ((task, method, settings),) = begun
    shown = headline(card)
    if shown is None:  # nothing is recorded yet: the method as it is
        assert words == ["trlib", "train", "--task", "dial", "--method", card.name]
        return
    assert words[words.index("--method") + 1] == (card.name if card.name in OBJECTIVES else "ppo")

    def is_said(found, value, name):
        near = pytest.approx(value, rel=1e-3) if isinstance(value, float) else value
        assert found == near, name

    for name, value in shown.settings.items():
        if isinstance(value, dict):
            value, parts = [*value.values()], [*value]
            assert [getattr(getattr(method, name), part) for part in parts] == value, name
        else:
            is_said(getattr(method, name), value, name)
    for name, value in shown.knobs.items():
        assert getattr(task, name) == value
    trained = {"lr": RunSettings.lr, "epochs": 1, **shown.train, "steps": shown.steps}
    for name, value in trained.items():
        is_said(settings[name], value, name)


@pytest.mark.parametrize("card", FUNCTIONS, ids=lambda card: card.name)
def test_the_line_of_a_function_runs(card):
    found = re.findall(r"^```bash\n(.+?)\n```$", card.text, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{card.name}.md: expected `made runs`, or a line of bash that runs"
    (line,) = found
    python, flag, code = shlex.split(line)
    assert (python, flag) == ("python", "-c")
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        exec(compile(code, card.name, "exec"), {})
    assert "tensor(" in out.getvalue() and "nan" not in out.getvalue()
