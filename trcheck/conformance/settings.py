"""Settings of libraries for mismatch and staleness: key, default, and where it stands.

settings.json is the record. Nothing is imported from a library: a class of settings, a command line
or a YAML file is read as text, so that a clone and an installed package are read alike, without
what the library itself imports. What each setting does stands on the book's page of settings.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from trcheck.conformance import libraries
from trlib.errors import TrlibError

PATH = Path(__file__).with_name("settings.json")
LIBRARIES = (*libraries.WRITTEN_FOR, *libraries.SOURCES)
"""Those with settings of their own: a trainer, or losses of one."""


@dataclass(frozen=True)
class Setting:
    """One setting of a library."""

    library: str
    key: str
    """As one types it."""
    default: Any
    """As the file has it: a value of JSON, or the text of an expression that is none."""
    file: str
    """From the root of the library's repository."""
    inside: str
    """What of the file: "class NAME" of settings, "init NAME", the "arguments" of a command line,
    "yaml"."""
    line: int
    """At the version or commit that was read; 0: it is younger than that."""
    name: str = ""
    """Its name there, where that is not the key's last part."""
    shown: str = ""
    """The default as it is printed, where that is not the value itself."""
    date: str = ""
    """The day of its source, or "undated", where that is not what the library was read in."""

    @staticmethod
    def of(entry: dict[str, Any]) -> Setting:
        """The setting of an entry of the record, which has the words of the page besides."""
        return Setting(**{key: held for key, held in entry.items() if key not in ("does", "link")})

    @property
    def there(self) -> str:
        """The name that it has in the file."""
        return self.name or (
            self.key if self.inside in ("yaml", "arguments") else self.key.rpartition(".")[2]
        )

    @property
    def dated(self) -> str:
        """The day of the source that was read, or "undated"."""
        if self.date or self.library in libraries.RELEASED:
            return self.date or libraries.RELEASED[self.library]
        return libraries.read_in(self.library).date

    @property
    def printed(self) -> str:
        """The default as its file writes it; an option that is not given is off, or not set."""
        if self.shown or isinstance(self.default, str):
            return self.shown or str(self.default)
        if self.inside == "yaml":
            return json.dumps(self.default)
        if self.inside == "arguments" and (self.default is None or self.default is False):
            return "not set" if self.default is None else "off"
        return repr(self.default)


@dataclass(frozen=True)
class Check:
    """A setting, and what is wrong with its record; empty: nothing."""

    setting: Setting
    fault: str = ""

    def as_dict(self) -> dict[str, Any]:
        """As JSON can hold it."""
        setting = self.setting
        return {
            "key": setting.key,
            "default": setting.default,
            "file": setting.file,
            "fault": self.fault,
        }


def load() -> tuple[Setting, ...]:
    """Every setting of the record."""
    entries = json.loads(PATH.read_text(encoding="utf-8"))
    return tuple(Setting.of(entry) for entry in entries if "file" in entry)


def clones(folder: str | Path) -> dict[str, Path]:
    """The libraries of which a folder holds a clone, under our name or their repository's."""
    found: dict[str, Path] = {}
    for library in libraries.SOURCES:
        held = libraries.read_in(library)
        for name in (library, held.repository.partition("/")[2]):
            try:
                found.setdefault(library, root(library, Path(folder) / name))
            except TrlibError:
                continue
    return found


def root(library: str, source: str | Path | None) -> Path:
    """The folder from which a library's files are named.

    Raises:
        ValueError: no folder is given for a library that is read from a clone.
        TrlibError: it is not installed, or the folder is missing.
    """
    if library in libraries.SOURCES:
        held = libraries.read_in(library)
        if not source:
            raise ValueError(
                f"--source: expected the folder of a clone of {held.title} beside --library "
                f"{library}, got none; {held.clone}"
            )
        folder = Path(source)
        if not any(
            (folder / setting.file).is_file() for setting in load() if setting.library == library
        ):
            what = "none of its files of settings in it" if folder.is_dir() else "no such folder"
            raise TrlibError(
                f"source: {folder}: {what}; expected a clone of {held.title}: {held.clone}"
            )
        return folder
    libraries.installed(library)
    spec = find_spec(library)
    if spec is None or spec.origin is None:
        raise TrlibError(f"{library} is installed, but its files are not found")
    return Path(spec.origin).parents[1]


def check(library: str, folder: Path) -> Iterator[Check]:
    """Read every recorded setting of a library again."""
    for setting in (setting for setting in load() if setting.library == library):
        try:
            default, _ = read(setting, folder)
        except LookupError as error:
            yield Check(setting, str(error.args[0]))
            continue
        same = default == setting.default and isinstance(default, bool) == isinstance(
            setting.default, bool
        )
        yield Check(
            setting,
            ""
            if same
            else f"its default is now {replace(setting, default=default, shown='').printed}",
        )


def read(setting: Setting, folder: Path) -> tuple[Any, int]:
    """A setting's default and line, as a library's file has them.

    Raises:
        LookupError: the file or the setting is missing.
    """
    path = folder / setting.file
    try:
        text = path.read_text(encoding="utf-8")
        found = (
            _of_yaml(setting, *_nodes(text))
            if setting.inside == "yaml"
            else _of_python(setting, _tree(text))
        )
    except OSError:
        raise LookupError(f"no file {setting.file}") from None
    except SyntaxError as error:
        raise LookupError(f"{setting.file} cannot be read: {error}") from None
    if found is None:
        raise LookupError(f"no such setting in {setting.file}")
    return found


@cache
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


@cache
def _nodes(text: str) -> tuple[Any, Any]:
    """A YAML file as nodes, which know their lines, and as values."""
    yaml: Any = import_module("yaml")
    return yaml.compose(text), yaml.safe_load(text)


def _of_yaml(setting: Setting, node: Any, value: Any) -> tuple[Any, int] | None:
    line = 0
    for part in setting.there.split("."):
        pairs = {
            key.value: (key, below)
            for key, below in getattr(node, "value", ())
            if hasattr(key, "value")
        }
        if part not in pairs or not isinstance(value, dict):
            return None
        key, node = pairs[part]
        value, line = value[part], key.start_mark.line + 1
    return value, line


def _of_python(setting: Setting, tree: ast.Module) -> tuple[Any, int] | None:
    if setting.inside == "arguments":
        calls = (
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and _is_argument(node, setting.there)
        )
        return next(((_of_argument(call), call.args[0].lineno) for call in calls), None)
    kind, _, name = setting.inside.partition(" ")
    holder = next(
        (node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == name), None
    )
    for node in () if holder is None else holder.body:
        if (
            kind == "class"
            and isinstance(node, ast.AnnAssign)
            and getattr(node.target, "id", "") == setting.there
        ):
            return _value(node.value), node.lineno
        if kind == "init" and isinstance(node, ast.FunctionDef) and node.name == "__init__":
            for argument, default in zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True):
                if argument.arg == setting.there:
                    return _value(default), argument.lineno
    return None


def _is_argument(call: ast.Call, name: str) -> bool:
    names = [argument.value for argument in call.args if isinstance(argument, ast.Constant)]
    return getattr(call.func, "attr", "") == "add_argument" and name in names


def _of_argument(call: ast.Call) -> Any:
    """The default of an option of argparse; that of a switch is False."""
    named = {word.arg: word.value for word in call.keywords}
    return (
        _value(named["default"]) if "default" in named else (False if "action" in named else None)
    )


def _value(node: ast.expr | None) -> Any:
    """A literal; of field(...) or Field(...) the default; of another expression its text."""
    if isinstance(node, ast.Call):
        named = {word.arg: word.value for word in node.keywords}
        node = named.get("default", node.args[0] if node.args else node)
    if node is None:
        return None
    try:
        return ast.literal_eval(node)
    except ValueError:
        return ast.unparse(node)
