"""The pages of questions: their records have the seeds that they name, the loss of four completions is
what its formula says, every rule for a log and every word of the search names a question that is there,
and what lines print is stored as it is (`test_write.py` compares)."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
import yaml
from docutils.nodes import make_id

from book.build.paths import ROOT
from trlib.advantages import group_relative
from trlib.aggregation import aggregate

BOOK = Path(__file__).parents[3] / "book"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in BOOK.glob("questions/*.md")}
ASKED = {name: re.findall(r"^## (.+)$", text, re.MULTILINE) for name, text in PAGES.items()}


def test_every_question_answers_first_in_bold_and_shows_it_with_code_that_runs():
    for name, text in PAGES.items():
        for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
            heading, _, answer = part.partition("\n\n")
            assert answer.startswith("**"), (name, heading)
            assert part.count("<!--runs-->") == 1 and "\n```text\n" in part, (name, heading)


@pytest.mark.skipif(find_spec("verl") is None, reason="verl is not installed")
def test_verls_asynchronous_trainer_has_the_defaults_that_the_page_names():
    (folder,) = find_spec("verl").submodule_search_locations
    file = Path(folder, "experimental/fully_async_policy/config/fully_async_ppo_trainer.yaml")
    theirs = yaml.safe_load(file.read_text(encoding="utf-8"))
    steps = theirs["async_training"]["trigger_parameter_sync_step"]
    bypass = theirs["algorithm"]["rollout_correction"]["bypass_mode"]
    (page,) = re.findall(r"trigger_parameter_sync_step=1`. The default is (\d+):", PAGES["stale"])
    assert int(page) == steps == 4 and bypass is True
    assert "rollout_correction.bypass_mode: True`" in PAGES["stale"]


@pytest.mark.parametrize("lengths", [(10, 40, 160, 20), (160, 20, 10, 40), (50, 50, 50, 50)])
def test_the_loss_at_a_ratio_of_1_is_0_only_as_a_mean_per_completion(lengths):
    """Of the table under *Is a negative loss normal?*: a mean over tokens is minus the advantages
    weighted by length, and its sign says which completions are longer."""
    advantages = group_relative(torch.tensor([1.0, 0.0, 0.0, 1.0]), torch.zeros(4).int())
    mask = torch.arange(160) < torch.tensor(lengths)[:, None]
    loss = -advantages[:, None].expand(4, 160)
    by_hand = -(0.75**0.5) * (lengths[0] - lengths[1] - lengths[2] + lengths[3]) / sum(lengths)
    assert aggregate(loss, mask, "token-mean").item() == pytest.approx(by_hand, abs=1e-5)
    assert abs(aggregate(loss, mask, "seq-mean-token-mean").item()) < 1e-6
    row = re.search(rf"^{re.escape(str(lengths))} +(-?[\d.]+) +(-?[\d.]+)$", PAGES["loss"], re.M)
    assert [float(x) for x in row.groups()] == [0.0, pytest.approx(by_hand, abs=0.005)]


def test_rules_for_a_log_and_words_of_the_search_name_questions_that_are_there():
    rules = json.loads((ROOT / "trlib/log_rules.json").read_text(encoding="utf-8"))["rules"]
    for rule in rules:
        page, _, question = rule["see"].partition(": ")
        assert question in ASKED[page], rule["see"]
    hints = yaml.safe_load((BOOK / "search.yml").read_text(encoding="utf-8"))
    addresses = {
        f"book/questions/{name}#{make_id(question)}" for name in ASKED for question in ASKED[name]
    }
    assert set(hints["also"]) == addresses


def test_without_staleness_the_oldest_data_are_those_before_the_last_weight_update():
    """A staleness of 0 leaves data of the three updates before, unless the weights follow each batch."""
    page = PAGES["stale"]
    rows = re.findall(r"^ +(\d+) +([\d.]+) +(\d+) +(\d+)$", page, re.MULTILINE)
    found = {(int(trigger), float(extra)): int(oldest) for trigger, extra, _, oldest in rows}
    assert found == {(1, 0.0): 0, (4, 0.0): 3, (4, 0.1): 4, (1, 1.0): 1}


def test_ipo_pulls_up_below_its_target_and_back_beyond_it():
    _, _, table = PAGES["preferences"].partition("\nmargin h   change that a descent makes")
    rows = [line.split() for line in table.split("```")[0].splitlines()[1:]]
    pulls = {float(h): float(pull) for h, pull, _ in rows}
    assert pulls == {h: pytest.approx(-2 * (h - 5)) for h in (-5.0, 0.0, 2.5, 5.0, 10.0)}
