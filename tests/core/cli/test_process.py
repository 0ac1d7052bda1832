"""The command line as a process: exit statuses, pipes, signals, and that help needs no torch."""

import os
import subprocess
import sys
from pathlib import Path

import trlib
from trlib.cli import ELSEWHERE


def test_the_package_help_and_a_wrong_line_import_nothing_heavy():
    heavy = {"torch", "numpy", "pandas", "scipy", "transformers", "datasets", "matplotlib", "tqdm"}
    lines = {
        "--help": 0,
        "train --help": 0,
        "tasks": 0,
        "train --stesp": 2,
        "train --learning-rate 1": 2,
        "train --steps 0": 1,
        "train --task dail": 1,
    }
    probe = (
        "import sys; from trlib.cli import main; "
        f"found = [(main(line.split()), {heavy} & sys.modules.keys()) for line in {[*lines]}]; "
        f"sys.exit(found != [(status, set()) for status in {[*lines.values()]}])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert done.returncode == 0 and done.stderr.count("error: ") == 4, done.stderr


def test_without_their_package_commands_say_what_to_install(tmp_path):
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

    words = "trlib: error: {} is a command of {}, which is not installed: pip install "
    done = python("-m", "trlib", "sweep")
    assert done.returncode == 2 and done.stdout == "" and "Traceback" not in done.stderr
    assert (
        done.stderr.startswith(words.format("sweep", "trlab"))
        and "trust-region-book" in done.stderr
    )
    every = [*ELSEWHERE, "--help", "tarin"]
    done = python("-c", f"from trlib.cli import main\nprint([main([word]) for word in {every}])")
    assert all(words.format(*missing) in done.stderr for missing in ELSEWHERE.items())
    assert (
        "did you mean 'train'?" in done.stderr
        and "train a policy" in done.stdout
        and "sweep" not in done.stdout
    )
    assert done.stdout.endswith(f"{[2] * len(ELSEWHERE) + [0, 2]}\n")


def test_a_reader_that_goes_away_is_no_error():
    # `true` has ended long before there is anything to write.
    shell = f"{sys.executable} -m trlib tasks dial --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=300)
    assert done.stdout == "0\n" and done.stderr == ""


def test_a_terminal_that_knows_ascii_alone_gets_every_word():
    outside = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    command = [sys.executable, "-m", "trlib", "methods", "dppo"]
    done = subprocess.run(command, env=outside, capture_output=True, text=True)
    assert done.returncode == 0 and not done.stderr
    assert "\\N{GREEK SMALL LETTER PI}" in done.stdout


def test_python_without_docstrings_is_told_what_is_missing():
    code = "import trlib; trlib.load_policy('dial')"
    done = subprocess.run([sys.executable, "-OO", "-c", code], capture_output=True, text=True)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ImportError: expected python or python -O, got python -OO")
