"""Declarations: which cells a sweep has, what decides them, and what is refused."""

import hashlib
import json
from dataclasses import replace

import pytest
import torch

from tests.by_day import by_day
from trlab import Axis, Budget, Sweep, Variant
from trlab.cell_id import _named, defaults, version_of
from trlab.cells import cells
from trlab.record import FORMAT, HEADER, RecordError, load
from trlab.rows import declaration
from trlab.run_cell import run
from trlab.runner import plan
from trlab.sweep import declared, load_sweep
from trlab.verdicts import LEAST
from trlib.loop.optimizers import maker

OWN = '''
from dataclasses import dataclass
from trlib.algorithms import PPO

@dataclass(frozen=True, kw_only=True)
class Mine(PPO):
    """One's own."""
    twist: float = {twist}
'''


def sweep(*variants, **changes):
    made = Sweep(
        text="",
        variants=variants or (Variant("ppo"),),
        budget=Budget(steps=2),
        seeds=(0,),
        name="s",
    )
    return replace(made, **changes)


def ids(made):
    return [cell.id for cell in cells(made)]


def test_the_cells_are_the_product_seed_by_seed():
    made = sweep(
        Variant("ppo"),
        Variant("troll", train={"anchor": "rollout"}),
        seeds=(3, 4),
        train={"lag": 1},
        axes=[
            Axis("lr", (1e-4, 3e-4)),
            Axis("updates", {"1": {}, "32": {"minibatches": 8, "epochs": 4}}),
            Axis("task.moves", (5,)),
        ],
    )
    found = cells(made)
    assert [str(cell) for cell in found[:3]] == [
        "ppo, lr 0.0001, updates 1, task.moves 5, seed 3",
        "troll, lr 0.0001, updates 1, task.moves 5, seed 3",
        "ppo, lr 0.0001, updates 32, task.moves 5, seed 3",
    ]
    assert len(found) == 16 == len({cell.id for cell in found}) and {
        cell.seed for cell in found[8:]
    } == {4}
    assert found[3].train == {
        "lag": 1,
        "anchor": "rollout",
        "lr": 1e-4,
        "minibatches": 8,
        "epochs": 4,
    }
    assert found[0].knobs == {"moves": 5} and found[0].place == ("ppo", "0.0001", "1", "5")


ADAPTERS = {"lora": {"r": 2, "target_modules": "all-linear"}}


def test_a_sweep_trains_adapters(monkeypatch):
    learners = []
    monkeypatch.setattr(
        "trlib.loop.train.train", lambda policy, *a, **k: learners.append(policy) or 1 / 0
    )
    (cell,) = cells(sweep(load=ADAPTERS))
    with pytest.raises(ZeroDivisionError):
        run(cell)
    assert 0 < sum(p.numel() for p in learners[0].parameters) < 0.2 * learners[0].size
    assert json.loads(declaration(cell)["task"])["load"] == ADAPTERS


def test_what_decides_a_cell_is_in_its_id_and_nothing_else_is():
    base = ids(sweep())
    same = [
        sweep(Variant("ppo", label="another name")),
        sweep(name="another", text="another"),
        sweep(Variant("ppo", {"eps_low": 0.2})),
        sweep(train={"lr": 1e-4, "betas": [0.9, 0.95]}),
        sweep(axes=[Axis("lag", (0,))]),
        sweep(budget=Budget(steps=2, minutes=1)),
        sweep(policy="dial"),
    ]
    assert [ids(made) for made in same] == [base] * len(same)
    other = [
        sweep(Variant("grpo")),
        sweep(Variant("ppo", {"eps_low": 0.1})),
        sweep(train={"lr": 2e-4}),
        sweep(seeds=(1,)),
        sweep(budget=Budget(steps=3)),
        sweep(budget=Budget(steps=2, samples=4)),
        sweep(knobs={"moves": 3}),
        sweep(Variant("ppo", train={"anchor": "rollout"})),
        sweep(load=ADAPTERS),
    ]
    found = [ids(made)[0] for made in other]
    assert len({*found, *base}) == len(other) + 1


def test_a_version_decides_in_place_of_the_text_and_may_be_the_digest_that_stood_there(tmp_path):
    def known(name, text):
        file = tmp_path / name / "my.py"
        file.parent.mkdir()
        file.write_text(text)
        return cells(sweep().beside([f"{file}:Mine"]))[1].id

    plain = OWN.format(twist=1.0)
    recorded = known("recorded", plain)  # before it had a version
    digest = hashlib.blake2b(plain.encode(), digest_size=6).hexdigest()
    versioned = plain.replace("    twist", f'    version = "{digest}"\n    twist')
    assert versioned != plain and known("said", versioned) == recorded
    assert known("formatted", versioned.replace("\n", "\n\n") + "# set anew\n") == recorded
    assert known("raised", versioned.replace(digest, "2")) != recorded
    assert (
        known("child", f"{versioned}\nclass Base(Mine):\n    pass\n\nMine = Base\n") != recorded
    ), "not its parent's"


def test_an_optimiser_of_a_sweep_is_known_by_its_version_and_falls_to_0():
    *_, cell = cells(load_sweep("horizon_decay"))
    found = maker(cell.train["optimizer"])
    assert json.loads(declaration(cell)["train"])["optimizer"] == "_falling.py:Over120", (
        "without its folder"
    )
    assert _named(cell.train["optimizer"], found.version) == ["_falling.py:Over120", 1]
    weight = torch.ones(1, requires_grad=True)
    weight.grad = torch.ones(1)
    steps, optimizer = [], found([weight], lr=1.0, weight_decay=0.0)
    for _ in range(120 * 16):
        optimizer.param_groups[0]["lr"] = 1.0  # as the loop sets it before every update
        before = float(weight.detach())
        optimizer.step()
        steps.append(before - float(weight.detach()))
    # under a constant gradient a step of AdamW is as long as its rate
    assert steps == pytest.approx([1 - t / 1920 for t in range(1920)], abs=1e-3)


def test_a_method_of_the_package_that_computes_something_else_has_other_cells(
    monkeypatch, tmp_path
):
    from trlib.algorithms import PPO

    before, first = (
        cells(sweep(Variant("ppo"), Variant("troll"))),
        defaults(cells(sweep(Variant("ppo")))),
    )
    assert version_of("ppo") == version_of("dapo") == 1, "a preset has its class's"
    path = tmp_path / HEADER
    path.write_text(
        json.dumps({"format": FORMAT, "sweep": "s", "defaults": {"method ppo": {"eps_low": 0.2}}})
    )
    load(tmp_path, first)  # a record from before there were versions
    monkeypatch.setattr(PPO, "version", 2)
    after = cells(sweep(Variant("ppo"), Variant("troll")))
    assert after[0].id != before[0].id and after[1].id == before[1].id
    with pytest.raises(
        RecordError, match=r"runs of method ppo in version 1; now it is 2.*`trlib sweep s --remake`"
    ):
        load(tmp_path, defaults(after))
    own = tmp_path / "designs" / "own.py"
    own.parent.mkdir()
    own.write_text(
        "import trlab\nSWEEP = trlab.Sweep(text='', seeds=[1], "
        "variants=[trlab.Variant('ppo')], budget=trlab.Budget(steps=1))"
    )
    path.write_text(path.read_text().replace('"s"', '"own-smoke"'))
    with pytest.raises(RecordError, match=rf"`trlib sweep {own} --smoke --remake`"):
        plan(load_sweep(str(own)).smoke(), out=tmp_path)


def test_what_ones_own_file_imports_from_beside_itself_decides_its_cells_too(tmp_path):
    (tmp_path / "my.py").write_text(
        "from dataclasses import dataclass\nfrom beside import N\nfrom trlib.algorithms import "
        "PPO\n\n"
        "@dataclass(frozen=True, kw_only=True)\nclass Mine(PPO):\n    eps_high: float = N\n"
    )
    (tmp_path / "muon.py").write_text(
        "import beside\nimport torch\n\nclass Muon(torch.optim.SGD):\n    pass\n"
    )
    (tmp_path / "far.py").write_text("raise SystemExit\n")
    mine, muon = (
        Variant(f"{tmp_path / 'my.py'}:Mine", label="mine"),
        {"optimizer": f"{tmp_path / 'muon.py'}:Muon"},
    )
    found = []
    for beside in ("N = 0.3\n", "N = 0.3  # the same\n", "from deeper import N\n"):
        (tmp_path / "beside.py").write_text(beside)
        (tmp_path / "deeper.py").write_text("N = 0.3\n")
        found.append((ids(sweep(mine)), ids(sweep(Variant("ppo", train=muon)))))
    (tmp_path / "deeper.py").write_text("N = 0.4\n")
    found.append((ids(sweep(mine)), ids(sweep(Variant("ppo", train=muon)))))
    assert all(len({tuple(of[part]) for of in found}) == 4 for part in (0, 1))
    (tmp_path / "far.py").write_text("x = 1\n")
    assert ids(sweep(mine)) == found[-1][0]


def test_the_threshold_axis_scales_each_variants_own_radius_up_to_its_limit():
    made = sweep(
        Variant("ppo", threshold={"eps_low": 1.0, "eps_high": 9.0}),
        Variant("dppo", {"delta_tv": (0.1, 0.2)}, threshold={"delta_tv": 1.0}),
        axes=[Axis("threshold", (0.5, 6.0))],
    )
    narrow, pair, wide, capped = cells(made)
    assert narrow.settings == {"eps_low": 0.1, "eps_high": 0.1} and pair.settings == {
        "delta_tv": (0.05, 0.1)
    }
    assert wide.settings == {"eps_low": 1.0, "eps_high": pytest.approx(1.2)}
    assert capped.settings["delta_tv"] == pytest.approx((0.6, 1.0))


UPDATES = {"once": {}, "often": {"minibatches": 2}}


@pytest.mark.parametrize(
    "name",
    by_day(declared(), "basin", "refit", later=["best", "gallery_map"], reason="older sweeps"),
)
def test_every_declared_sweep_can_be_run_and_says_what_it_expects(name):
    made = load_sweep(name)
    found = cells(made)
    assert made.name == name and made.text
    assert made.predictions or len(made.seeds) < LEAST, (
        "what predicts nothing is a map, which gets no verdict"
    )
    assert len(found) == len({cell.place for cell in found}) * len(made.seeds)
    assert {cell.id for cell in cells(made.smoke())}.isdisjoint(cell.id for cell in found)
    named = {
        cell.method for cell in found if ":" not in cell.method
    }  # a file's own bytes stand for its defaults
    assert {f"method {method}" for method in named} <= set(defaults(found))


def test_a_sweep_is_found_by_name_or_file(tmp_path, tiny):
    assert load_sweep(str(tiny)).name == "tiny" and {"dial_methods", "reuse", "shootout"} <= set(
        declared()
    )
    with pytest.raises(
        ValueError, match=r"sweep: expected one of .*, got 'resue'; did you mean 'reuse'"
    ):
        load_sweep("resue")
    for name, content, words in (
        ("empty.py", "SWEEP = 3", r"expected SWEEP = trlab.Sweep\(...\) in '.*empty.py', got int"),
        ("ends.py", "import sys\nsys.exit('usage: x')", "ends.py: SystemExit: usage: x"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(ValueError, match=words):
            load_sweep(str(tmp_path / name))


def test_ones_own_sweep_under_the_name_of_one_that_ships_has_no_foreign_rows(tmp_path):
    path = tmp_path / "reuse.py"
    path.write_text(
        "from trlab import Budget, Sweep, Variant\n"
        "SWEEP = Sweep(text='mine', variants=[Variant('ppo')], seeds=[0], budget=Budget(steps=1))\n"
    )
    planned = plan(load_sweep(str(path)), out=tmp_path / "out")
    assert not planned.record.rows and len(planned.missing) == 1


def test_a_tasks_problems_decide_its_cells_wherever_their_file_lies(tmp_path):
    def ids(path, answer):
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps({"question": "How many?", "answer": f"So many.\n#### {answer}"}))
        return {
            cell.id for cell in cells(sweep(task="gsm8k", knobs={"path": str(path)}, policy="dial"))
        }

    first = ids(tmp_path / "a" / "p.jsonl", 1)
    assert ids(tmp_path / "a" / "p.jsonl", 2).isdisjoint(first)
    assert ids(tmp_path / "b" / "q.jsonl", 1) == first


def test_a_control_takes_arguments_of_its_own_at_an_axiss_labels():
    uses = Axis("uses", {"1": {}, "4": {"epochs": 4}})
    fresh = Variant(
        "reinforce",
        label="fresh",
        instead={"uses": {"1": {"steps": 2}, "4": {"steps": 8, "lag": 1}}},
    )
    found = {
        (cell.label, cell.axes["uses"]): cell
        for cell in cells(sweep(Variant("ppo"), fresh, axes=[uses]))
    }
    assert found["ppo", "4"].train == {"epochs": 4} and found["ppo", "4"].steps == 2
    assert found["fresh", "4"].train == {"lag": 1} and found["fresh", "4"].steps == 8
    small = {
        (cell.label, cell.axes["uses"]): cell
        for cell in cells(sweep(Variant("ppo"), fresh, axes=[uses]).smoke())
    }
    assert (
        small["fresh", "4"].steps == 4 and small["fresh", "1"].steps == small["ppo", "4"].steps == 1
    )


def test_a_threshold_may_be_an_argument_of_the_run():
    made = sweep(
        Variant("pg_is", threshold={"grad_norm": 2.5}), axes=[Axis("threshold", (0.1, 10.0))]
    )
    assert [cell.train for cell in cells(made)] == [{"grad_norm": 0.1}, {"grad_norm": 2.5}]
    own = sweep(
        Variant("pg_is", train={"grad_norm": 3.0}, threshold={"grad_norm": 9.0}),
        axes=[Axis("threshold", (1 / 3,))],
    )
    assert cells(own)[0].train == {"grad_norm": 1.0}
