"""Settings of libraries: the record, the page (book/check/settings.md), the command, and the installed
libraries' own configurations."""

import json
import re
import shlex
from collections import defaultdict
from importlib.util import find_spec

import pytest

from book.build.paths import ROOT
from tests.typed import typed
from trcheck.conformance import libraries, settings, settings_page
from trcheck.conformance.settings import LIBRARIES, Setting, load
from trlib.cli import main

BOOK = ROOT / "book/check/settings.md"
RECORD = load()
FETCHED = [library for library in LIBRARIES if library in libraries.SOURCES]


def of(library):
    return {setting.key: setting for setting in RECORD if setting.library == library}


def clone(folder, library):
    """Files like the library's, with nothing but its recorded settings."""
    by_file = defaultdict(list)
    for setting in of(library).values():
        by_file[setting.file].append(setting)
    for file, held in by_file.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_yaml(held) if file.endswith(".yaml") else _python(held))
    return folder


def _yaml(held):
    tree = {}
    for setting in held:
        *above, last = setting.there.split(".")
        node = tree
        for part in above:
            node = node.setdefault(part, {})
        node[last] = setting.default
    return json.dumps(tree)


def _python(held):
    classes, lines = defaultdict(list), ["parser = None"]
    for setting in held:
        default = setting.default if setting.shown else repr(setting.default)
        if setting.inside == "arguments":
            switch = (
                'action="store_true"'
                if setting.default is False
                else f"type=float, default={default}"
            )
            lines += [f"parser.add_argument({setting.key!r}, {switch})"]
        else:
            classes[setting.inside.partition(" ")[2]].append(
                f"    {setting.there}: object = field(default={default})"
            )
    return (
        "\n".join(
            [
                *lines,
                *(line for name, body in classes.items() for line in (f"class {name}:", *body)),
            ]
        )
        + "\n"
    )


def test_the_record_is_whole():
    assert {setting.library for setting in RECORD} == set(LIBRARIES)
    keys = [(setting.library, setting.key) for setting in RECORD]
    assert len(keys) == len(set(keys))
    for setting in RECORD:
        assert re.fullmatch(r"yaml|arguments|(class|init) \w+", setting.inside), setting.key


def test_the_page_is_written_from_the_record():
    text = BOOK.read_text(encoding="utf-8")
    assert settings_page.written(text) == text, "python -m trcheck.conformance.settings_page"
    headings = {heading for heading, _ in settings_page.TABLE.findall(text)}
    for entry in json.loads(settings.PATH.read_text(encoding="utf-8")):
        assert entry["does"] and entry["does"].keys() <= headings, entry["key"]
        day = Setting.of(entry).dated if "file" in entry else entry["date"]
        assert day == "undated" or "2026-05" < day < "2026-11-01", "a source's day, no reader's"


@pytest.mark.parametrize("library", [library for library in LIBRARIES if library not in FETCHED])
def test_what_is_installed_is_as_recorded_to_the_line(library):
    if find_spec(library) is None:
        pytest.skip(f"{library} is not installed")
    assert libraries.installed(library) == libraries.WRITTEN_FOR[library]
    folder = settings.root(library, None)
    assert [check for check in settings.check(library, folder) if check.fault] == []
    for setting in of(library).values():
        assert settings.read(setting, folder)[1] == setting.line, setting.key


@pytest.mark.parametrize("library", FETCHED)
def test_a_clone_is_read_again(library, tmp_path, capsys):
    folder = clone(tmp_path, library)
    assert typed(f"conformance --settings --library {library} --source {folder}") == 0
    captured = capsys.readouterr()
    assert captured.out.count("as recorded\n") == len(of(library)) == captured.out.count("\n")
    assert "found a folder without its commit" in captured.err


def test_what_another_version_changed_is_named(tmp_path, capsys):
    folder = clone(tmp_path, "slime")
    path = folder / "slime/utils/arguments.py"
    text = path.read_text().replace(
        "--opsm-delta', type=float, default=0.0001", "--opsm-delta', type=float, default=0.5"
    )
    path.write_text(
        text.replace("--use-tis'", "--tis'").replace(
            "--tis-clip-low', type=float, default=0", "--tis-clip-low', action='store_true'"
        )
    )
    line = f"conformance --settings --library slime --source {folder}"
    assert typed(line) == 3
    out = capsys.readouterr().out
    assert re.search(r"--opsm-delta +0\.0001 +its default is now 0\.5\n", out)
    assert re.search(r"--use-tis +off +no such setting in slime/utils/arguments\.py\n", out)
    assert re.search(r"--tis-clip-low +0 +its default is now off\n", out), (
        "0 and False are two things"
    )
    assert typed(f"{line} --json") == 3
    document = json.loads(capsys.readouterr().out)
    faults = {entry["key"]: entry["fault"] for entry in document["settings"] if entry["fault"]}
    assert (
        set(faults) == {"--opsm-delta", "--use-tis", "--tis-clip-low"}
        and document["commit"] is None
    )


@pytest.mark.parametrize(
    ("text", "words"), [(None, "no file areal/api/cli_args.py"), ("def (:", "cannot be read")]
)
def test_a_file_that_is_gone_or_broken_is_named(tmp_path, text, words):
    path = clone(tmp_path, "areal") / "areal/api/cli_args.py"
    path.unlink() if text is None else path.write_text(text)
    assert all(words in check.fault for check in settings.check("areal", tmp_path))


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (
            "--library slime --source .",
            "none of its files of settings in it; expected a clone of slime",
        ),
        ("--source .", "--source: expected a folder of clones, named skyrl"),
        ("--library slime", "--source: expected the folder of a clone of slime"),
        ("--library trl --source .", "--source: expected one of skyrl, prime-rl, slime"),
    ],
)
def test_what_cannot_be_done_is_status_1_and_one_line(argv, words, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert typed(f"conformance --settings {argv}") == 1
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1 and words in captured.err


def test_the_commands_of_the_page_run_as_printed(tmp_path, monkeypatch, capsys):
    if find_spec("trl") is None:
        pytest.skip("trl is not installed")
    for library, folder in (
        ("slime", "slime"),
        ("slime", "clones/slime"),
        ("areal", "clones/AReaL"),
    ):
        clone(tmp_path / folder, library)
    monkeypatch.chdir(tmp_path)
    commands = re.findall(r"^trlib .*$", BOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert commands
    for command in commands:
        assert main(shlex.split(command)[1:]) == 0
        assert "as recorded" in capsys.readouterr().out
