"""The command line inside this process: what it prints, what it returns, what it complains of."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.losses import refused
from tests.typed import typed
from trlib.algorithms import ALGORITHMS
from trlib.cli import EXAMPLES, _parse, installed
from trlib.errors import CheckpointError
from trlib.loop import train as loop
from trlib.loop.metrics import METRICS
from trlib.loop.saving import checkpoints
from trlib.loop.saving.run import Run

SMALL = "--steps 2 --prompts 2 --group 4 --probe 2 --quiet"
FEW = "--prompts 8 --samples 2"


@pytest.fixture
def command(capsys):
    """What a line prints, on both streams; its status is 0, or the one that is named."""

    def run(line, status=0):
        assert typed(line) == status
        return capsys.readouterr()

    return run


def test_the_examples_of_the_help_are_valid_command_lines():
    texts = [EXAMPLES, *(command.EXAMPLES for command in installed().values())]
    parts = [p.strip() for text in texts for p in text.replace("&&", "\n").splitlines()]
    lines = [p.split("  ")[0].split(" > ")[0] for p in parts if p.startswith("trlib ")]
    assert len(lines) >= 14
    for _, command, *rest in map(str.split, lines):
        args = _parse([command, *rest], installed())
        assert args.command == command
        # the file is what the interface's page writes
        assert command != "train" or args.method in {*ALGORITHMS, "mine.py:Bounded"}


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("trian", "got 'trian'; did you mean 'train'?"),
        ("train --stesp 3", "unrecognized argument --stesp; did you mean '--steps'?"),
        ("train --steps 3.5", "argument --steps: expected a whole number, got '3.5'"),
        ("train --anchor both", "--anchor: expected none or 'rollout' or 'recomputed', got 'both'"),
        ("train --policy ''", "argument --policy: expected a name, got '': is a variable of "),
    ],
)
def test_a_wrong_command_line_suggests_the_right_one_and_is_status_2(command, argv, words):
    out, err = command(argv, 2)
    assert words in err and out == "" and "Traceback" not in err


NO_MODEL = "has no model of its own, got none"


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ("train --method pppo", "did you mean 'ppo'?"),
        ("train --task dail", "got 'dail'; did you mean 'dial'?"),
        (
            "train --prompts 1000000000",
            "prompts: expected a batch that fits into memory, got prompts x group = 16,000,000,000 "
            "completions, which take ",
        ),
        ("train --resume", "--resume: expected --out FOLDER as well"),
        ("train --task sums", f"because task 'sums' {NO_MODEL}"),
        ("evaluate --policy mine/frist", "'mine/frist': no such folder; did you mean 'first'?"),
    ],
)
def test_what_cannot_be_done_is_status_1_and_one_line(command, tmp_path, monkeypatch, argv, words):
    monkeypatch.chdir(tmp_path)
    Path("mine/first").mkdir(parents=True)  # a name like it is not looked for on the hub
    out, err = command(argv, 1)
    assert out == "" and err.startswith("trlib: error: ")
    assert words in err and err.count("\n") == 1
    assert os.listdir() == ["mine"]


def test_with_json_an_error_is_a_document_and_traceback_raises(command):
    document = json.loads(command("methods grop --json", 1).out)
    assert document["kind"] == "ValueError" and "did you mean 'grpo'?" in document["error"]
    refused(".*grop", typed, "methods grop --traceback")


def test_train_evaluate_and_resume(command, tmp_path):
    out = str(tmp_path / "run")
    learn = (
        f"train --method ppo --set eps_high=.28 --knob moves=2,3 --lr 1e-3 --seed 7 --out {out} "
        f"{SMALL}"
    )
    text = command(learn).out
    assert "ratio_max" in text and f"trlib evaluate --policy {out}" in text

    assert "holds a run already" in command(learn, 1).err
    assert "method.eps_high" in command(f"{learn} --resume --set eps_high=.3", 1).err
    assert "expected none or on, got 'maybe'" in command(f"{learn} --set correction=maybe", 1).err
    run = json.loads(command(f"{learn} --steps 3 --resume --json").out)
    assert run["settings"]["method"]["eps_high"] == 0.28 and run["settings"]["task"]["moves"] == [
        2,
        3,
    ]
    assert len(run["history"]["reward"]) == 3 and run["interrupted"] is False

    # A run's folder names its model and its task.
    found = json.loads(command(f"evaluate --policy {out} --json {FEW}").out)
    assert found["task"]["moves"] == [2, 3] and found["settings"]["prompts"] == 8
    assert found["policy"] == os.path.join(out, "policy")
    other = command(f"evaluate --policy {out} --knob moves=1 --json {FEW}").out
    assert json.loads(other)["task"]["moves"] == 1
    plain = command(f"evaluate --policy {out}/policy {FEW}").out
    assert (
        "8 prompts, 2 samples each at temperature 1, seed 0" in plain and "untrained" not in plain
    )

    (tmp_path / "run" / "run.json").write_text("{")
    assert "got a damaged file" in command(f"evaluate --policy {out} {FEW}", 1).err


def test_what_is_not_a_number_is_null_in_json(command):
    # With a probe of 0 completions the exact metrics are not known, and JSON has no NaN.
    history = json.loads(command(f"train --method ppo {SMALL} --probe 0 --json").out)["history"]
    assert history["kl"] == [None, None] and None not in history["reward"]


@pytest.mark.parametrize(
    ("raised", "status", "words"),
    [
        (KeyboardInterrupt(), 130, "trlib: interrupted"),
        (CheckpointError("out: cannot write 'x'"), 1, "trlib: error: out: cannot write 'x'"),
        (MemoryError(), 1, "not enough memory; expected a run that fits: lower --prompts or "),
    ],
)
def test_what_stops_a_run_becomes_a_sentence_and_a_status(
    command, monkeypatch, raised, status, words
):
    def stopped(*_, **__):
        raise raised

    monkeypatch.setattr(loop, "train", stopped)
    err = command("train --method ppo", status).err
    assert words in err and "Traceback" not in err


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_run_is_shown_and_its_status_is_the_signal_s(
    command, monkeypatch, policy, sent, status
):
    known = {"method": {"name": "PPO"}, "task": {"name": "dial"}, "seed": 0}
    rows = [dict.fromkeys(METRICS, 0.5)]
    stopped = Run(policy, rows, [], known, None, interrupted=True, signal=sent)
    monkeypatch.setattr(loop, "train", lambda *_, **__: stopped)
    assert "interrupted" in command("train --method ppo", status).out


def test_lora_settings_and_places_reach_load_policy(monkeypatch):
    from trlib.model import policy as module

    asked = {}

    def record(name, **options):
        asked.update(options, name=name)
        raise ValueError("seen")

    monkeypatch.setattr(module, "load_policy", record)
    assert (
        typed(
            "train --method ppo --policy owner/name --device cpu --dtype float32 --lora r=8 "
            "--lora target_modules=q_proj,v_proj --lora bias=none"
        )
        == 1
    )
    assert asked == {
        "name": "owner/name",
        "device": "cpu",
        "dtype": "float32",
        "chat": None,
        "lora": {"r": 8, "target_modules": ["q_proj", "v_proj"], "bias": "none"},
    }
    for given, expected in (("all-linear", "all-linear"), ("'[\"o_proj\"]'", ["o_proj"])):
        assert typed(f"train --method ppo --lora target_modules={given}") == 1
        assert asked["lora"] == {"target_modules": expected}


def test_a_run_is_evaluated_in_the_chat_mode_it_was_trained_in(command, tmp_path, policy):
    policy.tokenizer.chat_template = (
        "{% for m in messages %}{{ m['content'] }} {{ m['content'] }}{% endfor %}"
    )
    base, found = str(policy.save(tmp_path / "base")), {}
    for learned in ("--chat", "--no-chat"):
        out = f"{tmp_path}/run{learned}"
        command(f"train --method ppo --policy {base} {learned} --lr 1e-12 --out {out} {SMALL}")
        for asked in ("", "--chat", "--no-chat"):
            shown = command(f"evaluate --policy {out} --json {asked} {FEW}").out
            found[learned, asked] = json.loads(shown)["sampled"]["value"]
    chat, plain = found["--chat", "--chat"], found["--chat", "--no-chat"]
    assert chat < plain  # a prompt that is said twice is none that the model learned on
    for (learned, asked), accuracy in found.items():
        assert accuracy == (chat if (asked or learned) == "--chat" else plain)


SMALL_OWN = "--prompts 2 --group 4 --max-tokens 6 --policy dial --quiet"
OWN = "from trlib.tasks import Dial\n\n\nclass Own(Dial):\n    name = 'own'\n"


def test_a_task_file_that_a_folder_names_is_run_only_if_the_command_line_names_it_too(
    tmp_path, monkeypatch, command
):
    (tmp_path / "task.py").write_text(OWN)
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path)
    learn = f"train --task task.py:Own --knob moves=3 {SMALL_OWN}"
    shown = command(f"{learn} --steps 1 --out run").out
    assert "next: trlib evaluate --policy run --task task.py:Own\n" in shown
    monkeypatch.chdir("else")
    few = "--prompts 2 --samples 2 --json"
    name = f"{tmp_path / 'task.py'}:Own"
    out, err = command(f"evaluate --policy ../run {few}", 1)
    assert json.loads(out)["kind"] == "ValueError"
    assert err == (
        f"trlib: error: --task: '../run' was trained on a task of its own, {name!r}, and a file that "
        f"a folder names is not run; if you trust {str(tmp_path / 'task.py')!r}, name it: --task "
        f"{name}\n"
    )
    for again in (name, "../task.py:Own"):
        found = json.loads(command(f"evaluate --policy ../run --task {again} {few}").out)
        assert found["task"]["moves"] == 3  # as the run's record says
    # The file may lie elsewhere when the run goes on.
    (tmp_path / "task.py").rename("task.py")
    command(f"{learn} --steps 2 --out ../run --resume")
    moved = command(f"evaluate --policy ../run --task task.py:Own --knob moves=2 {few}").out
    assert json.loads(moved)["task"]["moves"] == 2


@pytest.mark.parametrize("where", ["task_file", "name"])
def test_a_folder_that_was_sent_runs_no_code(tmp_path, monkeypatch, command, policy, where):
    """A model, a record of a run that names a file, and that file, which would leave a mark."""
    monkeypatch.chdir(tmp_path)
    sent = Path("runs/a")
    policy.save(sent / "policy")
    (sent / "helper.py").write_text(
        "from pathlib import Path\nfrom trlib.tasks import TASKS\n\n"
        "Path('mark').touch()\nT = TASKS['dial']\n"
    )
    file = "runs/a/helper.py:T"
    record = {"task_file": file if where == "task_file" else None, "task": {"name": "dial"}}
    if where == "name":
        record["task"]["name"] = file
    (sent / "run.json").write_text(json.dumps(record))
    out, err = command(f"evaluate --policy runs/a {FEW}", 1)
    assert out == "" and f"name it: --task {file}" in err and err.count("\n") == 1
    assert not Path("mark").exists()
    command(f"evaluate --policy runs/a --task dial {FEW}")
    assert not Path("mark").exists()
    command(f"evaluate --policy runs/a --task {file} {FEW}")
    assert Path("mark").exists()


def test_a_run_that_was_sent_is_continued_without_its_code(tmp_path, monkeypatch, command):
    """Its checkpoint names a file as method, optimiser and task: each is only compared."""
    monkeypatch.chdir(tmp_path)
    command(f"train --out runs/a {SMALL}")
    Path("runs/a/helper.py").write_text("from pathlib import Path\n\nPath('mark').touch()\n")
    tensors, meta = checkpoints.load(Path("runs/a"))
    file = "runs/a/helper.py:T"
    for changed in (
        {"method": {**meta["settings"]["method"], "name": file}},
        {"optimizer": file},
        {"task": {**meta["settings"]["task"], "name": file}},
    ):
        sent = {**meta, "settings": {**meta["settings"], **changed, "task_file": file}}
        checkpoints.save(Path("runs/a"), tensors, sent)
        err = command(f"train --out runs/a --resume {SMALL}", 1).err
        assert f"= {file!r}, expected the same, got " in err
    assert not Path("mark").exists()


@pytest.mark.parametrize(
    ("record", "got"),
    [
        ("[1]", "TypeError"),
        ('{"task": {"name": 7}}', "expected a task's name, got 7"),
    ],
)
def test_a_damaged_record_of_a_run_is_named(tmp_path, command, policy, record, got):
    policy.save(tmp_path / "policy")
    (tmp_path / "run.json").write_text(record)
    err = command(f"evaluate --policy {tmp_path} {FEW}", 1).err
    assert f"expected the record of a run in '{tmp_path}/run.json', got a damaged file" in err
    assert got in err and f"--policy {tmp_path}/policy" in err and err.count("\n") == 1
    command(f"evaluate --policy {tmp_path}/policy {FEW}")


def test_methods_and_tasks_list_everything(command):
    lines = command("methods").out.splitlines()
    names = [line.split()[0] for line in lines if line and not line.startswith(" ")]
    assert names[: len(ALGORITHMS)] == list(ALGORITHMS) and names[-1] == "settings"
    ppo = json.loads(command("methods ppo --json").out)["ppo"]["settings"]
    assert ppo["eps_high"]["default"] == 0.2 and ppo["dual_clip"]["default"] is None
    assert ppo["eps_high"]["text"].startswith("The ratio's window above 1")
    assert "moves=5   (int | tuple[int, int])" in command("tasks dial").out
    assert "--steps N" in command("train --help").out
