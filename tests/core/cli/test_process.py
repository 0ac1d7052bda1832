"""The command line as a process: exit statuses, pipes, signals, and that help needs no torch."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import trlib
from tests.typed import typed
from trlib.cli import OF_TRLAB


def test_help_and_a_wrong_line_import_nothing_heavy():
    heavy = ["torch", "numpy", "pandas", "scipy", "transformers", "pyarrow", "matplotlib"]
    probe = (
        "import sys; from trlib.cli import main; s = main({argv}); "
        f"print(s, [m for m in {heavy} if m in sys.modules], file=sys.stderr)"
    )
    for argv, status in (
        (["--help"], "0"),
        (["train", "--help"], "0"),
        (["train", "--stesp"], "2"),
        (["tasks"], "0"),
    ):
        command = [sys.executable, "-c", probe.format(argv=argv)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        assert done.stderr.splitlines()[-1] == f"{status} []", done.stderr


def test_without_trlab_its_commands_say_what_to_install(tmp_path):
    # A folder from which `trlib` alone can be imported; -S leaves out site-packages, and what is
    # installed there.
    (tmp_path / "trlib").symlink_to(Path(trlib.__file__).parent)

    def python(*argv):
        command = [sys.executable, "-S", *argv]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": ""},
        )

    words = "trlib: error: {} is a command of trlab, which is not installed: pip install "
    done = python("-m", "trlib", "sweep")
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr
    assert done.stderr.startswith(words.format("sweep")) and "trust-region-book" in done.stderr
    every = [*OF_TRLAB, "--help", "tarin"]
    done = python("-c", f"from trlib.cli import main\nprint([main([word]) for word in {every}])")
    assert all(words.format(command) in done.stderr for command in OF_TRLAB)
    assert (
        "did you mean 'train'?" in done.stderr
        and "train a policy" in done.stdout
        and "sweep" not in done.stdout
    )
    assert done.stdout.endswith(f"{[2] * len(OF_TRLAB) + [0, 2]}\n")


def test_a_reader_that_goes_away_is_no_error():
    # `true` has ended long before there is anything to write.
    shell = f"{sys.executable} -m trlib tasks dial --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=300)
    assert done.stdout == "0\n" and done.stderr == ""


@pytest.mark.nightly("two processes for seconds; a killed run is resumed in `make test` too")
@pytest.mark.parametrize(("sent", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_a_run_that_resume_finishes(capsys, tmp_path, sent, status):
    out = tmp_path / "run"
    command = (
        f"train --task dial --method ppo --prompts 2 --group 4 --checkpoint-every 1 --out {out}"
    )
    line = f"-m trlib {command} --steps 100000"
    process = subprocess.Popen(
        [sys.executable, *line.split()], text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 300
    while not (out / "history.csv").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    process.send_signal(sent)
    stdout, stderr = process.communicate(timeout=300)
    assert process.returncode == status and "interrupted" in stdout and "Traceback" not in stderr
    written = len((out / "history.csv").read_text().splitlines()) - 1
    assert json.loads((out / "run.json").read_text())["interrupted"] is True and written >= 1

    assert typed(f"{command} --steps {written + 2} --resume --json --quiet") == 0
    assert len(json.loads(capsys.readouterr().out)["history"]["reward"]) == written + 2
