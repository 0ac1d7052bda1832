"""The command line as a process: exit statuses, pipes, signals, and that help needs no torch."""

import subprocess
import sys


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


def test_a_reader_that_goes_away_is_no_error():
    # `true` has ended long before there is anything to write.
    shell = f"{sys.executable} -m trlib tasks dial --json | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, timeout=300)
    assert done.stdout == "0\n" and done.stderr == ""
