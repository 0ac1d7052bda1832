"""The pages of questions: their records have the seeds that they name, the loss of four completions is
what its formula says, every rule for a log and every word of the search names a question that is there,
and what lines print is stored as it is (`test_write.py` compares)."""

import json
import re
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from docutils.nodes import make_id

from book.build.paths import ROOT

BOOK = Path(__file__).parents[3] / "book"
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in BOOK.glob("questions/*.md")}
ASKED = {name: re.findall(r"^## (.+)$", text, re.MULTILINE) for name, text in PAGES.items()}


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
