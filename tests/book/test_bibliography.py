"""The bibliography holds what the book and the package cite, and nothing that nobody cites."""

import json
import re

from pybtex.database import parse_string

from book.build.paths import ROOT

CITED = re.compile(r"(?:arXiv[:\s]+|arxiv\.org/(?:abs|html|pdf)/)(\d{4}\.\d{4,5})", re.IGNORECASE)
BIB = (ROOT / "book" / "references.bib").read_text(encoding="utf-8")


def entries():
    """Each entry's fields, and the surname of its first author."""
    found = {}
    for key, entry in parse_string(BIB, "bibtex").entries.items():
        author = entry.persons["author"][0]
        found[key] = {
            **entry.fields,
            "surname": " ".join([*author.prelast_names, *author.last_names]).strip("{}"),
        }
    return found


def texts():
    """Everything that cites: pages, chapters with their code, the package, the README."""
    paths = [
        ROOT / "README.md",
        *(path for path in (ROOT / "book").glob("*.md") if path.stem != "bibliography"),
        *(ROOT / "book" / "check").glob("*.md"),
        *(ROOT / "book" / "interface").glob("*.md"),
        *(ROOT / "notebooks").glob("*.ipynb"),
        *(
            path
            for name in ("trlib", "trlab", "trcheck", "book/trbook")
            for path in (ROOT / name).rglob("*.py")
        ),
    ]
    found = {}
    for path in sorted(paths):
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        found[str(path.relative_to(ROOT))] = text
    return found


def identifier(fields):
    found = CITED.search(fields.get("note", ""))
    return found.group(1) if found else ""


def cites(text, fields):
    """Whether a text names the entry: its arXiv id, or its first author and soon after it its
    year."""
    number = identifier(fields)
    if number and number in text:
        return True
    return fields["surname"] in text and (
        re.search(
            rf"\b{re.escape(fields['surname'])}\b.{{0,220}}?\b{fields['year']}\b", text, re.DOTALL
        )
        is not None
    )


def test_every_arxiv_id_of_the_text_is_in_the_bibliography():
    known = {identifier(fields) for fields in entries().values()}
    missing = {
        f"{name}: arXiv {number}"
        for name, text in texts().items()
        for number in CITED.findall(text)
        if number not in known
    }
    assert missing == set(), (
        "add it to book/references.bib, after you have looked the title and the authors up"
    )


def test_every_entry_is_cited_and_agrees_with_itself():
    everything = texts()
    assert [
        key
        for key, fields in entries().items()
        if not any(cites(text, fields) for text in everything.values())
    ] == []
    for key, fields in entries().items():
        number = identifier(fields)
        if number:
            assert fields["url"] == f"https://arxiv.org/abs/{number}", key
            assert fields["year"] == f"20{number[:2]}", f"{key}: arXiv's number says another year"
        assert fields["year"] in key, key
