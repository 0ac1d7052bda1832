"""Where the cards of the main line lead: each place is there, and each number is a record's."""

import re
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from book.build.ext import methods, quoted
from trbook.cards import CARDS
from trbook.cards.doors import DOORS
from trbook.cards.lines import LINES
from trbook.cards.text import page
from trbook.explorables.playground import presets
from trbook.scale.papers import of_card

ROLE = re.compile(r"\{rec\}`([^`]+)`")
ELSEWHERE = {"trpo": "notebooks/03_trpo", "ppo_critic": "04_critic", "trapo": "10_trapo"}
"""Methods that the playground does not have, and the chapter that runs them."""


@pytest.mark.parametrize("name", DOORS)
def test_a_card_leads_to_a_place_of_the_playground(name):
    play = DOORS[name].play
    if not play:
        assert ELSEWHERE[name] in DOORS[name].shows
        return
    given = dict(parse_qsl(play, strict_parsing=True))
    if "preset" in given:
        learners = [lane["method"] for lane in presets()[given["preset"]]["lanes"]]
    else:
        lanes = [lane.partition(",") for lane in given.values()]
        learners = [method for method, *_ in lanes]
        assert all(setting == "epochs:16" for *_, setting in lanes)
    assert name in learners


@pytest.mark.parametrize("name", DOORS)
def test_a_card_says_what_a_trainer_calls_it(name):
    text, paper = page(CARDS[name], "[chapter](x)", str), of_card(name)
    first = text.partition("```diff")[0]
    assert all(f"**{way}:**" in first for way in ("Learn it", "Run it here", "In your trainer"))
    assert "(#in-your-trainer)" in first and "\n## In your trainer\n" in text
    assert "../ladder.md" in text and f"**Pitfall.** {DOORS[name].pitfall}" in text
    theirs, verl = paper.trl or {}, paper.verl or {}
    if paper.trl is None and paper.verl is None:
        assert "[in neither](#in-your-trainer) TRL nor verl" in first
        return
    known = theirs | {key.rpartition(".")[2]: value for key, value in verl.items()}
    for said in re.findall(r"`([^`]+)`", first):
        setting, _, value = said.partition("=")
        assert said == paper.trainer or str(known[setting]) == value.strip('"')
    for setting, value in theirs.items():
        assert f"    {setting}={value!r},".replace("'", '"') in text
    for setting, value in verl.items():
        assert f"\n{setting}={value}\n" in text


def test_what_a_card_says_of_runs_is_a_record_s():
    for name, doors in DOORS.items():
        asked = ROLE.findall(doors.acts)
        assert asked or doors.acts.startswith("No recorded sweep holds"), name
        for one in asked:
            assert re.search(r"\d", quoted.shown(one)), one
            assert f"trlab/records/{quoted.parse(one).sweep}/README.md" in doors.acts


def test_before_and_after_are_cards_and_lead_once_through_the_main_line():
    assert list(DOORS) == list(LINES)
    for name, doors in DOORS.items():
        assert {doors.before, doors.after} <= {"", *CARDS} - {name}
    spine, one = [], "reinforce"
    while one:
        assert one not in spine
        spine.append(one)
        one = DOORS[one].after
    assert spine[-1] == "troll"


class Env:
    """What the handler reads of a build."""

    def __init__(self):
        names = ["book/ladder", *(f"book/methods/{name}" for name in CARDS)]
        self.titles = {name: type("Title", (), {"astext": lambda _, n=name: n})() for name in names}


def test_a_page_s_neighbours_are_set():
    app = type("App", (), {})()
    app.env = Env()
    app.builder = type("Builder", (), {"get_relative_uri": lambda _, a, b: Path(b).name})()
    kept = {"prev": "as it was", "next": "as it was"}
    for name, wanted in (
        ("book/methods/grpo", ("ppo_critic", "dr_grpo")),
        ("book/methods/troll", ("quatro", "ladder")),
        ("book/methods/tis", None),
    ):
        context = dict(kept)
        methods.neighbours(app, name, "", context, None)
        if wanted is None:
            assert context == kept
        else:
            assert (context["prev"]["link"], context["next"]["link"]) == wanted
