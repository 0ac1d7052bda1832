"""A wheel of the losses and the instruments alone, `trlib` and `trcheck`, for somebody else's CI:
`python tools/small_wheel.py FOLDER`. It is called trust-region-instruments, and holds the same
modules as the whole wheel; install one of the two."""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CHANGES = {
    'name = "trust-region-book"': 'name = "trust-region-instruments"',
    'include = ["trlib*", "trlab*", "trcheck*", "trbook*"]': 'include = ["trlib*", "trcheck*"]',
    'sweep = "trlab.cli.sweep"\n': "",
    'pretrain = "trlab.cli.pretrain"\n': "",
}


def build(folder: Path) -> Path:
    """The wheel, built from tracked files in the folder."""
    listed = ["git", "ls-files", "-z", "trlib", "trcheck", "LICENSE*", "THIRD_PARTY.md"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    for old, new in CHANGES.items():
        if project.count(old) != 1:
            raise ValueError(f"pyproject.toml: expected {old!r} once, got {project.count(old)}")
        project = project.replace(old, new)
    with tempfile.TemporaryDirectory() as made:
        copy = Path(made)
        for name in filter(None, names.split("\0")):
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, copy / name)
        (copy / "book").mkdir()  # where packages are looked for, too
        (copy / "pyproject.toml").write_text(project, encoding="utf-8")
        options = ["--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", str(folder)]
        pip = [sys.executable, "-m", "pip", "wheel", "-q", *options, str(copy)]
        subprocess.run(pip, check=True)
    return max(folder.glob("trust_region_instruments-*.whl"), key=lambda path: path.stat().st_mtime)


if __name__ == "__main__":
    print(build(Path(sys.argv[1]).resolve()))
