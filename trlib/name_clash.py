"""The other `trlib`: on the package index the name belongs to a project that replays web traffic.

Where both are installed, their files lie in one folder, and `__init__.py` is that of the one that
came later."""

import sys
from pathlib import Path

ADVICE = "`pip uninstall trlib`, then install trust-region-book again"


def beside() -> str:
    """A sentence for ours while the other one is installed too; empty where it is not."""
    for folder in dict.fromkeys(sys.path):
        for kind in ("dist-info", "egg-info"):
            for theirs in Path(folder).glob(f"trlib-*.{kind}"):
                here = Path(__file__).parent
                return (
                    f"this is the trlib of trust-region-book, in {here}; another project of that "
                    f"name, {theirs.stem} from the package index, is installed too and may replace "
                    f"its files: {ADVICE}"
                )
    return ""


def instead() -> str:
    """A sentence for the other one where ours is wanted; empty where `import trlib` brings ours."""
    module = sys.modules["trlib"]
    if "load_policy" in getattr(module, "__all__", ()):
        return ""
    version = getattr(module, "__version__", "")
    return (
        f"`import trlib` brings another project, trlib {version} from the package index, and not "
        f"the trlib of trust-region-book in {Path(__file__).parent}, which it has replaced or "
        f"hides: {ADVICE}"
    )


def check() -> None:
    """Raises ImportError: `import trlib` brings the other project."""
    if sentence := instead():
        raise ImportError(sentence)
