"""Which files of the packages a notebook depends on, read off the code without running it.

The modules that the notebook imports, what those import, and the data files of their packages. The graph errs on the
side of too much: an import inside a function counts, and a name that cannot be resolved counts as the whole package.
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tools.paths import ROOT

HOMES = {"trlib": ROOT, "trlab": ROOT, "trbook": ROOT / "book"}
"""The packages and the folders that hold them."""
IGNORED = {"__pycache__", "node_modules"}
NEVER_READ = {"trbook/explorables/js", "trbook/explorables/engine/c", "trbook/explorables/engine/js"}
"""Sources of built files: what a notebook reads is what was built from them."""
IMPORTERS = {"import_module", "find_spec", "__import__"}


@dataclass
class Imports:
    """What a piece of code asks for: modules, names from modules, and modules by the beginning of their name."""

    modules: set[str] = field(default_factory=set)
    names: set[tuple[str, str]] = field(default_factory=set)
    prefixes: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Needs:
    """A notebook's files in the packages, and the other packages (`torch`, `pandas`) that it or they import."""

    files: tuple[Path, ...]
    outside: tuple[str, ...]


def needs(notebook: Path) -> Needs:
    """What `notebook` depends on besides its own text."""
    return Packages().needs(imports(code(notebook)))


def code(notebook: Path) -> str:
    """A notebook's code, without the lines that only IPython understands."""
    cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    texts = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    return "\n".join(_python(text) for text in texts)


def _python(cell: str) -> str:
    """The cell if it is Python; otherwise the cell without its `%pip` and `!ls` lines, or nothing where that is not
    Python either."""
    for text in (cell, "\n".join("pass" if line.lstrip()[:1] in {"%", "!"} else line for line in _indented(cell))):
        try:
            ast.parse(text)
        except SyntaxError:
            continue
        return text
    return ""


def _indented(cell: str) -> Iterator[str]:
    """The cell's lines; a magic command becomes `pass` at its own depth."""
    for line in cell.splitlines():
        body = line.lstrip()
        yield f"{line[: len(line) - len(body)]}pass" if body[:1] in {"%", "!"} else line


def imports(text: str, package: str = "") -> Imports:
    """What Python code imports. `package` is what a relative import starts from."""
    tree = ast.parse(text)
    answer = Imports()
    lazy = any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body)
    bound: dict[str, str] = {}
    nodes = list(_walk(tree, lazy))
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                answer.modules.add(alias.name)
                bound[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, package)
            for alias in node.names:
                answer.names.add((base, alias.name))
                bound[alias.asname or alias.name] = f"{base}.{alias.name}"
        elif isinstance(node, ast.Call) and _called(node) in IMPORTERS and node.args:
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                answer.modules.add(argument.value)
            elif isinstance(argument, ast.JoinedStr) and isinstance(argument.values[0], ast.Constant):
                answer.prefixes.add(str(argument.values[0].value))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and _dotted(node.value) and not lazy:
            # The name of a module, kept in a table for `import_module`.
            answer.modules.add(node.value)
    # `trlib.train` after `import trlib` asks trlib for the name `train`, as `from trlib import train` does.
    for node in nodes:
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name | ast.Attribute):
            base = _chain(node.value)
            root, _, rest = base.partition(".")
            if root in bound:
                answer.names.add((f"{bound[root]}.{rest}".rstrip("."), node.attr))
    return answer


def _walk(node: ast.AST, lazy: bool) -> Iterator[ast.AST]:
    """The nodes that count: not those for type checkers only, nor the `__getattr__` of a package that loads names
    when they are asked for (`Packages._home` answers for it)."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and _chain(child.test).endswith("TYPE_CHECKING"):
            for other in child.orelse:
                yield from _walk(ast.Module([other], []), lazy)
        elif lazy and isinstance(node, ast.Module) and isinstance(child, ast.FunctionDef) and child.name[:2] == "__":
            continue
        else:
            yield child
            yield from _walk(child, lazy)


def _absolute(node: ast.ImportFrom, package: str) -> str:
    if not node.level:
        return node.module or ""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _called(node: ast.Call) -> str:
    return _chain(node.func).rpartition(".")[2]


def _chain(node: ast.AST) -> str:
    """The name `a.b.c` where an expression is nothing else; otherwise nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute) and (base := _chain(node.value)):
        return f"{base}.{node.attr}"
    return ""


def _dotted(text: str) -> bool:
    head, dot, _ = text.partition(".")
    return bool(dot) and head in HOMES and all(part.isidentifier() for part in text.split("."))


class Packages:
    """The packages' modules, and what each imports."""

    def __init__(self, homes: dict[str, Path] | None = None) -> None:
        self.homes = HOMES if homes is None else homes
        self.files: dict[str, Path] = {}
        self.data: dict[str, list[Path]] = {}
        self.folders: set[str] = set()
        for name, home in self.homes.items():
            self._collect(home / name, name)

    def _collect(self, folder: Path, package: str) -> None:
        """Notes a folder's modules, and its other files under the package that they lie in."""
        self.folders.add(package)
        for path in sorted(folder.iterdir()):
            if path.name in IGNORED or any(path.as_posix().endswith(f"/{name}") for name in NEVER_READ):
                continue
            if path.is_dir():
                inner = f"{package}.{path.name}"
                self._collect(path, inner if any(path.glob("*.py")) else package)
            elif path.suffix == ".py":
                self.files[package if path.stem == "__init__" else f"{package}.{path.stem}"] = path
            elif path.suffix not in {".pyc", ".pyi"}:
                self.data.setdefault(package, []).append(path)

    def needs(self, wanted: Imports) -> Needs:
        """Every file that `wanted` leads to."""
        reached: set[str] = set()
        outside: set[str] = set()
        self._follow(wanted, reached, outside)
        packages = {name if self._is_package(name) else name.rpartition(".")[0] for name in reached}
        files = [self.files[name] for name in reached if name in self.files]
        files += [path for package in packages for path in self.data.get(package, ())]
        return Needs(tuple(sorted(files)), tuple(sorted(outside - sys.stdlib_module_names - set(self.homes) - {""})))

    def _follow(self, wanted: Imports, reached: set[str], outside: set[str]) -> None:
        pending = [*wanted.modules]
        pending += [home for module, name in wanted.names for home in self._home(module, name)]
        pending += [name for start in wanted.prefixes for name in self.files if self._begins(name, start)]
        while pending:
            name = pending.pop()
            if name.partition(".")[0] not in self.homes:
                outside.add(name.partition(".")[0])
                continue
            while name and name not in self.files and not self._is_package(name):
                name = name.rpartition(".")[0]  # an attribute of the module before it
            if not name or name in reached:
                continue
            reached.add(name)
            if "." in name:
                pending.append(name.rpartition(".")[0])  # a package is imported before what lies in it
            if name in self.files:
                self._follow(self._read(name), reached, outside)

    def _read(self, name: str) -> Imports:
        package = name if self._is_package(name) else name.rpartition(".")[0]
        return _imports_of(self.files[name], self.files[name].stat().st_mtime_ns, package)

    def _home(self, module: str, name: str) -> list[str]:
        """The modules that `from module import name` loads."""
        if module.partition(".")[0] not in self.homes or name == "*":
            return [module]
        if f"{module}.{name}" in self.files or self._is_package(f"{module}.{name}"):
            return [f"{module}.{name}"]
        path = self.files.get(module)
        homes = _lazy(path.read_text(encoding="utf-8")) if path else None
        if homes is None:
            return [module]
        if name in homes:
            return [module, homes[name]]
        if name.startswith("__"):
            return [module]
        return [module, *(other for other in self.files if other.startswith(f"{module}."))]

    def _is_package(self, name: str) -> bool:
        path = self.files.get(name)
        return path.name == "__init__.py" if path else name in self.folders

    @staticmethod
    def _begins(name: str, start: str) -> bool:
        return name.startswith(start) and "." not in name[len(start) :]


@cache
def _imports_of(path: Path, changed: int, package: str) -> Imports:
    """What a file imports; read again when its time stamp, `changed`, is another."""
    return imports(path.read_text(encoding="utf-8"), package)


@cache
def _lazy(text: str) -> dict[str, str] | None:
    """Where a package that loads its names when they are asked for gets them from, as it tells type checkers.

    None where the package is not of this kind.
    """
    tree = ast.parse(text)
    if not any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body):
        return None
    homes: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and _chain(node.test).endswith("TYPE_CHECKING"):
            for inner in node.body:
                if isinstance(inner, ast.ImportFrom) and inner.module:
                    module = inner.module
                    homes |= {alias.asname or alias.name: f"{module}.{alias.name}" for alias in inner.names}
    # Names that the module defines itself.
    for defined in ast.walk(ast.Module([node for node in tree.body if not isinstance(node, ast.If)], [])):
        if isinstance(defined, ast.Name) and isinstance(defined.ctx, ast.Store):
            homes.setdefault(defined.id, "")
        elif isinstance(defined, ast.FunctionDef | ast.ClassDef):
            homes.setdefault(defined.name, "")
    return homes
