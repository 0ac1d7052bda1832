"""The book's conformance page and its atlas, from a recorded run.

python -m trlab.conformance.page > book/conformance.md         the page from the record as it is
python -m trlab.conformance.page --atlas > book/atlas.md       the atlas
python -m trlab.conformance.page --run --source skyrl=FOLDER > book/conformance.md
    after running the installed
    libraries and those whose clones are named (repeat), and renewing the record
"""

from __future__ import annotations

import argparse
import json
import platform
import sys
import warnings
from datetime import date
from pathlib import Path
from typing import Any

from trlab.conformance import libraries, places
from trlab.conformance.atlas import LOGS, SHIPPED_BESIDE
from trlab.conformance.places import Place
from trlab.conformance.probe import probe
from trlab.conformance.report import AGREES, TRAINS_ALIKE, Finding
from trlab.conformance.source import SHORT, commit_of
from trlab.conformance.vectors import Vectors, load
from trlab.statistics import difference, iqm

PATH = Path(__file__).with_name("record.json")
SEVERITY = Path(__file__).with_name("severity.json")
"""The outcome of the runs of trlab/conformance/severity.py."""
NAMES = {
    "verl": "verl",
    "trl": "TRL",
    "torchrl": "torchrl",
    "torch": "torch",
    "skyrl": "SkyRL",
    "prime-rl": "prime-rl",
    "slime": "slime",
    "openrlhf": "OpenRLHF",
    "nemo-rl": "NeMo-RL",
    "areal": "AReaL",
    "tinker": "Tinker",
}
TAGS = {
    "verl": ("volcengine/verl", "v0.9.1"),
    "trl": ("huggingface/trl", "v1.16.0"),
    "torchrl": ("pytorch/rl", "v0.14.1"),
}
"""Repository and tag of installed libraries that the pages link to."""

TEMPLATE, ATLAS_TEMPLATE = (Path(__file__).with_name(name) for name in ("page.md", "atlas.md"))
"""The pages around the tables."""


def record(earlier: dict[str, Any], folders: dict[str, Path]) -> dict[str, Any]:
    """Run every library that is installed or whose source is given; what is recorded of the others
    stays."""
    vectors = load()
    kept = {entry["library"]: entry for entry in earlier.get("libraries", [])}
    held: list[dict[str, Any]] = []
    for library in libraries.LIBRARIES:
        if library in libraries.SOURCES and library not in folders:
            held += [kept[library]] if library in kept else []
            continue
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            held.append(
                {
                    "library": library,
                    "date": date.today().isoformat(),
                    **_held(vectors, library, folders),
                }
            )
        print(f"{library}: {len(held[-1]['findings'])} lines", file=sys.stderr)
    return {"vectors": vectors.version, "python": platform.python_version(), "libraries": held}


def _held(vectors: Vectors, library: str, folders: dict[str, Path]) -> dict[str, Any]:
    """One library: what it is, a finding a line, its places and its losses on the four axes."""
    module, about = libraries.adapter(library), {}
    if library in libraries.SOURCES:
        about = {
            "repository": module.SOURCE.repository,
            "commit": commit_of(folders[library], module.SOURCE),
        }
    elif library in libraries.DOCUMENTED:
        about = {"documentation": module.READ}
    else:
        about = {"version": libraries.installed(library)}
    with libraries.opened(library, folders.get(library)) as modules:
        findings = [f.as_dict() for f in libraries.hold(vectors, library, modules)]
        reproduced = [places.as_dict(place) for place in places.places_of(library)]
        # Once for each pair of a name and a loss.
        rows = {
            (held.subject, held.loss): probe(run).as_dict()
            for held, run in libraries.subjects(vectors, library, modules)
        }
    placed = [{"subject": subject, "loss": loss, **row} for (subject, loss), row in rows.items()]
    return {**about, "findings": findings, "places": reproduced, "atlas": placed}


def page(document: dict[str, Any]) -> str:
    """The page as MyST markdown."""
    held = document["libraries"]
    named = [_named(entry) for entry in held]
    tables = [
        f"### {name}\n\n{_about(entry)}{_table([Finding.from_dict(f) for f in entry['findings']])}"
        for name, entry in zip(named, held, strict=True)
    ]
    standing = [
        recorded for entry in held for recorded in entry["places"] if places.counts(recorded)
    ]
    gaps = {
        "<number>": str(len(standing)),
        "<versions>": f"{', '.join(named)}; Python {document['python']}, on a CPU",
        "<places>\n": "\n".join(_place(recorded) for recorded in standing) + "\n",
        "<tables>\n": "\n".join(tables) + "\n",
    }
    return filled(TEMPLATE, gaps)


def atlas(document: dict[str, Any]) -> str:
    """The atlas's page as MyST markdown."""
    heads = (
        "loss",
        "ratio",
        "level",
        "outside",
        "signed",
        "reads",
        "its fraction clipped",
        "defaults",
    )
    rows = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    for entry in document["libraries"]:
        for row in {row["subject"]: row for row in entry["atlas"]}.values():
            rows += _atlas_row(entry["library"], row)
    unplaced = [
        f"| {NAMES[library]} `{name}` | {words} |"
        for (library, name), words in SHIPPED_BESIDE.items()
    ]
    beside = "\n".join(["| loss | what it is |", "|---|---|", *unplaced])
    return filled(ATLAS_TEMPLATE, {"<rows>\n": "\n".join(rows) + "\n", "<beside>\n": beside + "\n"})


def _atlas_row(library: str, row: dict[str, str]) -> list[str]:
    """A loss's line of the atlas; the same loss held a second time, with another threshold, has
    none."""
    entry = LOGS.get((library, row["subject"]))
    if entry is None:
        return []
    cells = (
        f"{NAMES[library]} `{row['subject']}`",
        row["ratio"],
        row["level"],
        row["done"],
        row["signed"],
        entry.reads,
        entry.fraction,
        entry.defaults,
    )
    return [f"| {' | '.join(cells)} |"]


def filled(template: Path, gaps: dict[str, str]) -> str:
    """A page whose gaps are closed one after the other."""
    text = template.read_text(encoding="utf-8")
    for gap, words in gaps.items():
        text = text.replace(gap, words)
    return text


def _named(entry: dict[str, Any]) -> str:
    name = NAMES[entry["library"]]
    return f"{name} {entry['version']}" if "version" in entry else name


def _about(entry: dict[str, Any]) -> str:
    """Which source was held, and how to hold it again."""
    library = entry["library"]
    if "documentation" in entry:
        page = libraries.adapter(library).PAGE
        return (
            f"Written down from [its documentation]({page}), read on {entry['documentation']}: "
            "no source is public.\n\n"
        )
    if "commit" not in entry:
        return ""
    commit, repository = entry["commit"], entry["repository"]
    link = f"[`{commit[:SHORT]}`](https://github.com/{repository}/tree/{commit})"
    source = libraries.adapter(library).SOURCE
    folder = repository.partition("/")[2]
    since = f"**The losses have changed since.** {source.since}\n\n" if source.since else ""
    checkout = f"git -C {folder} checkout {commit[:SHORT]}\n" if source.since else ""
    return (
        f"{since}Compared at commit {link} of {source.date}:\n\n```\n{source.clone}\n{checkout}"
        f"trlib conformance --library {library} --source {folder}\n```\n\n"
    )


def _place(recorded: dict[str, Any]) -> str:
    """What a library's documentation says otherwise: the words, the consequence and the lines that
    show it."""
    (place,) = (
        p for p in places.places_of(recorded["library"]) if p.subject == recorded["subject"]
    )
    words = "Its source" if ".py" in place.where else "Its documentation"
    return (
        f"### {NAMES[place.library]}: {place.subject}\n\n"
        f"[{words}]({address(place.library, place.where)}) says that `{place.subject}` {place.documented}. "
        f"The code {place.computed}.\n\n*In training*: {place.matters}{_measured(place)}\n\n"
        f"<details><summary>See it</summary>\n\n```{{code-block}} python\n{place.code}\n```\n\n"
        f"This prints `{recorded['printed']}`: first what the documentation promises, then what "
        "the code computes.\n\n</details>\n"
    )


def address(library: str, path: str) -> str:
    """A file of a library on GitHub, at the version or commit that was read; `path` may end in a
    line's anchor."""
    if library in libraries.SOURCES:
        return libraries.adapter(library).SOURCE.link(path)
    repository, tag = TAGS[library]
    return f"https://github.com/{repository}/blob/{tag}/{path}"


def _measured(place: Place) -> str:
    """What the runs of trlab/conformance/severity.py say of a place, with the interval over seeds."""
    if not place.runs or not SEVERITY.exists():
        return ""
    arms = json.loads(SEVERITY.read_text())["arms"]
    ours, theirs = (arms[name]["sampled"] for name in ("as written", place.runs))
    apart = difference(theirs, ours)
    return (
        f" On `dial` it ends at an accuracy of {iqm(theirs):.3f}, CISPO as written at "
        f"{iqm(ours):.3f}: a difference of {apart.value:+.3f} [{apart.low:+.3f}, {apart.high:+.3f}]. "
        f"The lowest of {len(ours)} runs ends at {min(theirs):.2f}, CISPO's at {min(ours):.2f}."
    )


def _table(findings: list[Finding]) -> str:
    """A line for each finding that differs, a sentence for those that agree, and a fold for those
    of one gradient."""
    silent = [f for f in findings if f.status == AGREES and not f.words]
    alike = [f for f in findings if f.status in TRAINS_ALIKE and f not in silent]
    other = [f for f in findings if f.status not in TRAINS_ALIKE]
    parts = [_rows(other)] if other else []
    if silent:
        parts.append(f"Agree: {_names(silent)}.\n")
    if alike:
        summary = (
            f"{len(alike)} more train the same policy, and their values differ or have a caveat"
        )
        parts.append(f"<details><summary>{summary}</summary>\n\n{_rows(alike)}\n</details>\n")
    return "\n".join(parts)


def _names(findings: list[Finding]) -> str:
    return ", ".join(
        f"`{f.subject}`" + (f" ({f.reference})" if f.reference != f.subject else "")
        for f in findings
    )


def _rows(findings: list[Finding]) -> str:
    rows = ["| function | compared with | finding |", "|---|---|---|"]
    for finding in findings:
        status = "agrees" if finding.status == AGREES else f"**{finding.status}**"
        words = finding.words.replace("|", "\\|")
        join = ("; " if finding.status == AGREES else ": ") if words else ""
        rows.append(f"| `{finding.subject}` | `{finding.reference}` | {status}{join}{words} |")
    return "\n".join(rows) + "\n"


def named(text: str) -> tuple[str, Path]:
    """A library and its clone, of NAME=FOLDER."""
    name, _, folder = text.partition("=")
    return name, Path(folder)


def main(arguments: list[str]) -> None:
    """Write the page to standard output."""
    parser = argparse.ArgumentParser(description="The book's conformance page, from its record.")
    parser.add_argument("--run", action="store_true", help="run the libraries again first")
    parser.add_argument(
        "--source",
        action="append",
        default=[],
        type=named,
        metavar="NAME=FOLDER",
        help="a clone; repeat",
    )
    parser.add_argument("--atlas", action="store_true", help="the atlas instead")
    args = parser.parse_args(arguments)
    if args.run:
        earlier = json.loads(PATH.read_text()) if PATH.exists() else {}
        PATH.write_text(
            json.dumps(record(earlier, dict(args.source)), indent=1, ensure_ascii=False) + "\n"
        )
    sys.stdout.write((atlas if args.atlas else page)(json.loads(PATH.read_text())))


if __name__ == "__main__":
    main(sys.argv[1:])
