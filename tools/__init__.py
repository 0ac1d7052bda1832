"""What installs, measures and guards the code. What builds the book stands in `book/build`."""

import sys
from pathlib import Path

# `python -m book.build.html`, as pages printed it, answers with its new name.
_, _, asked = " ".join(sys.orig_argv).partition("-m tools.")
name = asked.partition(" ")[0]
if name and not Path(__file__).with_name(f"{name}.py").exists():
    raise SystemExit(f"tools.{name}: now `python -m book.build.{name}`")
