"""Builds the playground's engine from C: `python -m book.build.pack.engine` (needs clang with the
WebAssembly target, and lld).

What is built is committed, so that nobody else needs a compiler; the same sources and the same
compiler give the same bytes, and a test that has one builds it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

from trbook.explorables.engine import BUILDS, BUILT, FLAGS, sources, sources_hash

NAMES = ("clang-14", "clang")


def compiler() -> str | None:
    """A clang that compiles and links for WebAssembly, the recorded version first; None: there is
    none."""
    for name in NAMES:
        path = shutil.which(name)
        if path:
            trial = [path, *FLAGS, "-x", "c", "-", "-o", os.devnull]
            if not subprocess.run(trial, input=b"", capture_output=True, check=False).returncode:
                return path
    return None


def version(clang: str) -> str:
    """`14.0.6`"""
    output = subprocess.run([clang, "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"version (\d+\.\d+\.\d+)", output)
    return match[1] if match else output.splitlines()[0]


def build(clang: str, out: Path) -> dict[str, str]:
    """Writes every build into a folder; returns the SHA-256 of each file."""
    out.mkdir(parents=True, exist_ok=True)
    made = {}
    for name, flags in BUILDS.items():
        path = out / f"{name}.wasm"
        code = [str(source) for source in sources() if source.suffix == ".c"]
        subprocess.run([clang, *FLAGS, *flags, "-o", str(path), *code], check=True)
        path.chmod(0o644)
        made[path.name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return made


def main() -> None:
    clang = compiler()
    if clang is None:
        raise SystemExit(
            "no clang that builds WebAssembly found: install one (Debian, Ubuntu: `apt-get "
            "install clang lld`)"
        )
    made = build(clang, BUILT)
    lock = {"sources": sources_hash(), "clang": version(clang), "files": made}
    (BUILT / "record.json").write_text(json.dumps(lock, indent=1) + "\n", encoding="utf-8")
    for name in made:
        print(f"{name}: {(BUILT / name).stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
