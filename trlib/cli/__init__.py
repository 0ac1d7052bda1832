"""The command line: `trlib train | evaluate | compare | methods | tasks`, and the commands that other
packages add.

Results go to standard output, progress and errors to standard error. With `--json` the result is
one JSON document, and so is an error. Exit status: 0 done, 1 failed, 2 a wrong command line, 130
Ctrl-C, 143 SIGTERM.

A command is a module with `TEXT` (a line of help), `EXAMPLES`, `options(parser)` and `run(args)`. A
package adds one as an entry point of the group `trlib.commands`, as `trlab` does for `trlib sweep`.
None imports anything heavy before it runs: `trlib --help` needs no torch."""

import argparse
import io
import json
import os
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, NoReturn

from trlib import __version__
from trlib.cli import compare, evaluate, methods, options, tasks, train
from trlib.errors import TrlibError
from trlib.name_clash import instead
from trlib.other_names import error_suffix, near

CORE: dict[str, ModuleType] = {
    "train": train,
    "evaluate": evaluate,
    "compare": compare,
    "methods": methods,
    "tasks": tasks,
}
"""The commands that need `trlib` alone."""
ELSEWHERE = {
    "sweep": "trlab",
    "pretrain": "trlab",
    "diagnose": "trcheck",
    "conformance": "trcheck",
}
"""The packages of other commands, so that an installation without one can say what is missing."""
DISTRIBUTION = "trust-region-book"
"""The distribution of all our packages. (On the package index `trlib` is somebody else's.)"""
EXAMPLES = """\
examples:
  trlib train --task dial --method grpo                     train the embedded model, write nothing
  trlib train --method ppo --set eps_high=.28 --out runs/a  another window, keep the run
  trlib train --method ppo --set eps_high=.28 --out runs/a --resume
  trlib compare runs/a runs/b                               what differs, and how both end
  trlib evaluate --policy runs/a                            accuracy, pass@k, intervals
  trlib methods ppo                                         what --set can set
"""


class _Parser(argparse.ArgumentParser):
    """Suggests the nearest command or option, and accepts no abbreviations (a new option would
    break them)."""

    commands: Sequence[str] = ()  #: The names of all commands.
    as_json = False  #: Whether the error for a wrong command line is printed as JSON too.

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(
            **kwargs, allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter
        )

    def error(self, message: str) -> NoReturn:
        if "invalid choice: " in message and "(choose from" in message:
            word = message.split("invalid choice: ")[1].split(" (choose from")[0].strip("'")
            message = f"expected one of {', '.join(self.commands)}, got {word!r}" + near(
                word, self.commands
            )
            if word in ELSEWHERE:
                message = (
                    f"{word} is a command of {ELSEWHERE[word]}, which is not installed: pip "
                    f"install {DISTRIBUTION}"
                )
        if self.as_json:
            print(json.dumps({"error": message, "kind": "usage"}))
        self.exit(2, f"{self.prog}: error: {message}\nhelp: {self.prog} --help\n")

    def refuse(self, word: str) -> NoReturn:
        """End with an error for an argument that no option takes."""
        flags = [flag for action in self._actions for flag in action.option_strings]
        self.error(f"unrecognized argument {word}" + error_suffix(word.split("=")[0], flags))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status."""
    args = None
    if hidden := instead():
        print(f"trlib: error: {hidden}", file=sys.stderr)
        return 1
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="namereplace")  # π, on a terminal that knows ASCII alone
    try:
        commands = installed()
        args = _parse((sys.argv[1:] if argv is None else list(argv)) or ["--help"], commands)
        with warnings.catch_warnings():
            warnings.showwarning = _warn
            status = commands[args.command].run(args)
        sys.stdout.flush()
        return status
    except SystemExit as stop:  # argparse: 0 after --help, 2 after a usage error
        return int(stop.code or 0)
    except KeyboardInterrupt:
        print("trlib: interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `trlib methods | head`: the reader has gone, which is no fault
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (
        TrlibError,
        ValueError,
        TypeError,
        OSError,
        ImportError,
        MemoryError,
        RuntimeError,
    ) as error:
        short = options.short_of_memory(error)
        if args is None or args.traceback or (isinstance(error, RuntimeError) and not short):
            raise
        message = _less(error, args, commands[args.command]) if short else options.sentence(error)
        if args.json:
            print(json.dumps({"error": message, "kind": type(error).__name__}))
        print(f"trlib: error: {message}", file=sys.stderr)
        return 1


def installed() -> dict[str, ModuleType]:
    """Every command by its name: those of `trlib`, then those that installed packages add."""
    commands = dict(CORE)
    for point in entry_points(group="trlib.commands"):
        try:
            commands[point.name] = point.load()
        except ModuleNotFoundError:  # metadata of a package that is not on the path
            continue
    return commands


def _parse(argv: list[str], known: Mapping[str, ModuleType]) -> argparse.Namespace:
    about = "Trust regions for language models: train, evaluate, compare."
    parser = _Parser(prog="trlib", description=about, epilog=EXAMPLES)
    parser.add_argument("--version", action="version", version=f"trlib {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    parsers = {}
    for name, command in known.items():
        about = f"{command.TEXT[0].upper()}{command.TEXT[1:]}."
        parsers[name] = commands.add_parser(
            name, help=command.TEXT, epilog=command.EXAMPLES, description=about
        )
        command.options(parsers[name])
        parsers[name].add_argument("--json", action="store_true", help="print one JSON document")
        parsers[name].add_argument(
            "--traceback", action="store_true", help="on an error, show where it came from"
        )
    for each in (parser, *parsers.values()):
        each.as_json, each.commands = "--json" in argv, list(known)
    args, odd = parser.parse_known_args(argv)
    if odd:
        parsers[args.command].refuse(odd[0])
    return args


def _less(error: BaseException, args: argparse.Namespace, command: ModuleType) -> str:
    """A sentence on how much memory was asked for, which of the command's options reduce it, and
    what is kept."""
    amount = re.search(r"to allocate ([\d.]+ \w+)", str(error))
    message = f"not enough memory for {amount[1]} more" if amount else "not enough memory"
    options = [f"--{name.replace('_', '-')}" for name in getattr(command, "MEMORY", ())]
    if options:
        message += f"; expected a run that fits: lower {' or '.join(options)}"
    if args.command == "train" and args.out is not None:
        message += f"; what was saved in {args.out!r} is intact, --resume continues it"
    return message


def _warn(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"trlib: warning: {message}", file=sys.stderr)
