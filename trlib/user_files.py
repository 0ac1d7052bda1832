"""Methods, tasks and optimisers from a reader's own file: FILE.py:NAME, wherever a name is
accepted.

The file may import other files from its own folder ("neighbours"). They belong to it: a run's
record keeps them too."""

import ast
import importlib.util
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any
from zlib import crc32

from trlib.errors import unknown

PREFIX = "trlib_own_"
_loaded: dict[str, Path] = {}  #: The folder of each imported neighbour, by module name.


def named(what: str, text: str, known: Mapping[str, Any], fits: Callable[[Any], bool]) -> Any:
    """The value that `text` names: one of `known`, or NAME in FILE.py.

    Args: what: "method", "task" or "optimizer", for the errors; fits: whether a value that the file
    defines is one.
    Raises ValueError: an unknown name (the nearest is suggested), no such file, a file that cannot
    be run, or one that defines nothing of this name or kind; TypeError: no text."""
    if not isinstance(text, str):
        raise TypeError(f"{what}: expected a name or FILE.py:NAME, got {text!r}")
    if not is_own(text):
        if text.endswith(".py"):
            raise ValueError(
                f"{what}: expected FILE.py:NAME, got {text!r}; NAME is the {what} in it"
            )
        if text not in known:
            raise unknown(what, text, known)
        return known[text]
    file, _, name = text.rpartition(":")
    if not Path(file).is_file():
        raise ValueError(f"{what}: expected FILE.py:NAME, got {text!r}, and {file!r} is not a file")
    module = load(Path(file))
    value = vars(module).get(name)
    if value is not None and fits(value):
        return value
    defined = [
        k
        for k, v in vars(module).items()
        if getattr(v, "__module__", None) == module.__name__ and fits(v)
    ]
    if not defined:
        raise ValueError(f"{what}: expected a {what} in {file!r}, got a file that defines none")
    raise unknown(f"a {what} in {file!r}", name, defined)


def origin(kind: type) -> str | None:
    """FILE.py:NAME of a class from such a file or a neighbour; None for any other class."""
    module = kind.__module__
    if not (module.startswith(PREFIX) or module in _loaded):
        return None
    return f"{sys.modules[module].__file__}:{kind.__qualname__}"


def is_own(text: str) -> bool:
    """Whether a name is FILE.py:NAME."""
    return isinstance(text, str) and text.rpartition(":")[0].endswith(".py")


def load(path: Path) -> ModuleType:
    """Import a Python file as a module; it may import its neighbours.
    Raises ValueError: it cannot be read, or raises an error of its own."""
    # two folders may hold files of one name
    name = f"{PREFIX}{path.stem}_{crc32(str(path.resolve()).encode()):08x}"
    spec = importlib.util.spec_from_file_location(name, path.resolve())
    if spec is None or spec.loader is None:
        raise ValueError(f"expected a Python file, got {str(path)!r}")
    folder = path.resolve().parent
    for near in neighbours(path):
        # An earlier file had a neighbour of the same name elsewhere.
        if _loaded.get(near.stem, folder) != folder:
            sys.modules.pop(near.stem, None)
        _loaded[near.stem] = folder
    module = importlib.util.module_from_spec(spec)
    before = sys.modules.get(spec.name)
    sys.modules[spec.name] = module  # a dataclass looks up its own module's names there
    sys.path.insert(0, str(folder))
    try:
        spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:
        if before is None:
            del sys.modules[spec.name]
        raise ValueError(f"{path.name}: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(str(folder))
    return module


def neighbours(path: Path) -> list[Path]:
    """The files in the folder of `path` that it imports, directly or through one another, sorted by
    name."""
    reached: dict[str, Path] = {}
    waiting = [path]
    while waiting:
        for name in _imports(waiting.pop()):
            near = path.resolve().parent / f"{name}.py"
            if name not in reached and near.is_file() and near != path.resolve():
                reached[name] = near
                waiting.append(near)
    return [reached[name] for name in sorted(reached)]


def contents(text: str) -> dict[str, bytes]:
    """The bytes of the file of FILE.py:NAME and of its neighbours, by file name, the file itself
    first."""
    path = Path(text.rpartition(":")[0])
    return {file.name: file.read_bytes() for file in [path, *neighbours(path)]}


def _imports(path: Path) -> set[str]:
    """The top-level names that a file imports; none if it cannot be read."""
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError):
        return set()
    names = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]
    froms = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and not node.level]
    names += [node.module for node in froms if node.module]
    return {name.split(".")[0] for name in names}
