"""A name of the package in code leads to its place."""

import sys

from book.build.ext.links import canonical, named


def test_a_bridge_is_known_where_its_library_is_not_installed(monkeypatch):
    monkeypatch.setitem(sys.modules, "trl", None)  # what installing for the book leaves out
    monkeypatch.delitem(sys.modules, "trlib.bridges.trl", raising=False)
    monkeypatch.delattr("trlib.bridges.trl", raising=False)
    assert canonical("trlib.bridges.trl.QuatroTrainer") == "trlib.bridges.trl.QuatroTrainer"


def test_a_name_in_code_leads_to_where_it_is_defined():
    names = ("trlib.train(policy, x)", "trlib.json", "trlib", " trlab.Sweep ", "ppo_loss")
    assert [*map(named, names)] == ["trlib.train", None, None, "trlab.Sweep", None]
    places = {"trlib.train": "trlib.loop.train.train", "trlib.loop": "trlib.loop"}
    assert {name: canonical(name) for name in places} == places
