"""What a sweep with further methods is called."""

from trlab.runner import plan
from trlab.sweep import load_sweep


def test_the_command_names_methods_that_were_added_and_none_that_the_sweep_declares(tmp_path):
    (tmp_path / "mine.py").write_text(
        "from dataclasses import dataclass\nfrom trlib.algorithms.ppo import PPO\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass Mine(PPO):\n    pass\n"
    )
    loops = load_sweep("loops")
    assert plan(loops, out=tmp_path).command == "trlib sweep loops"
    added = loops.beside([f"{tmp_path / 'mine.py'}:Mine"])
    assert plan(added, out=tmp_path).command == "trlib sweep loops --method mine.py:Mine"
