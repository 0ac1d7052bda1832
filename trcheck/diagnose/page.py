"""The report: sections of paragraphs, for a terminal as they are, and as one HTML page that needs
nothing but itself."""

from __future__ import annotations

from html import escape
from pathlib import Path

from trcheck.diagnose.figures import ratios
from trcheck.diagnose.findings import Findings
from trcheck.diagnose.messages import say
from trlib import __version__

GENERATOR = "trlib diagnose"
ANSWER = "Why is my clip ratio 0?"
DOCUMENT = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{generator}">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Diagnosis of {source}</title>
<style>
{style}</style>
</head>
<body>
<header><h1>Diagnosis of {source}</h1>
<p class="verdict" data-verdict="{verdict}" data-causes="{causes}">{headline}</p></header>
<main>
{body}</main>
</body>
</html>
"""


def sections(f: Findings) -> list[tuple[str, list[str]]]:
    """Everything below the headline: headings, and paragraphs of which those that begin with a dash
    are points of a list, and those that begin with two spaces belong together."""
    j = f.judgement
    columns = ", ".join(f"{theirs} as {ours}" for ours, theirs in f.recognised)
    every = [
        ("What is wrong?", [x for c in j.causes for x in (f"{c.name}: {c.evidence}", c.advice)]),
        ("So much would have shown:", [f"- {text}" for text in j.seen]),
        ("Not looked at:", [f"- {text}" for text in j.unseen]),
        ("How large is it?", [say("report.size", f=f)]),
        (ANSWER, [f.answer.verdict, *(f"- {reason}" for reason in f.answer.reasons)]),
        (
            "Which share of all tokens would a method stop?",
            [f"  {say('report.effect', e=e)}" for e in f.effects],
        ),
        ("Columns", [f"recognised: {columns}"] if columns else []),
    ]
    return [(heading, paragraphs) for heading, paragraphs in every if paragraphs]


def text(f: Findings) -> str:
    """The whole report for a terminal, the headline first."""
    below = ("\n".join([heading, *paragraphs]) for heading, paragraphs in sections(f))
    return "\n\n".join([f.judgement.headline, *below])


def page(f: Findings) -> str:
    """The same as HTML, with the figure; everything that came from the file is escaped, and a policy
    forbids every request."""
    body = ""
    for heading, paragraphs in sections(f):
        body += f"<h2>{escape(heading)}</h2>\n" + "".join(map(_paragraph, paragraphs))
        if heading == ANSWER:
            body += (
                f"<figure>{ratios(f)}<figcaption>{say('figure.caption')}</figcaption></figure>\n"
            )
    return DOCUMENT.format(
        generator=f"{GENERATOR} {__version__}",
        source=escape(f.source),
        style=Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
        verdict=f.judgement.verdict,
        causes=" ".join(cause.name for cause in f.judgement.causes),
        headline=escape(f.judgement.headline),
        body=body,
    )


def _paragraph(text: str) -> str:
    kind = {"- ": "li", "  ": "pre"}.get(text[:2], "p")
    return f"<{kind}>{escape(text if kind == 'p' else text[2:])}</{kind}>\n"
