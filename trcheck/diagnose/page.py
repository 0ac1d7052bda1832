"""The findings as one HTML page that needs nothing but itself: style, script and figures are
inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path

from trcheck.diagnose import figures, parts
from trcheck.diagnose.findings import EffectRow, Findings, Scale
from trcheck.diagnose.formatting import number, visible
from trcheck.diagnose.messages import say
from trcheck.diagnose.scale import COMMAND, MODEL, Row, recorded
from trcheck.diagnose.token_table import Example, Shown
from trlib import __version__

GENERATOR = "trlib diagnose"
SCRIPT = """\
const root = document.documentElement, button = document.querySelector("button");
button.hidden = false;
button.addEventListener("click", () => {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme || system) === "dark" ? "light" : "dark";
});
"""
MARK = {"healthy": "✓", "found": "✗", "unusual": "!", "unclear": "?"}
OLD = "π<sub>old</sub>"


def page(findings: Findings) -> str:
    """The whole page; everything that came from the file is escaped, and a policy forbids every
    request."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    return say(
        "page.document",
        f=findings,
        generator=f"{GENERATOR} {__version__}",
        policy=f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'",
        style=Path(__file__).with_name("page.css").read_text(encoding="utf-8"),
        verdict=verdict(findings),
        body=body(findings),
        version=f" {__version__}",
        script=SCRIPT,
    )


def verdict(f: Findings) -> str:
    """The one verdict at the top; `data-causes` holds the causes' names."""
    j = f.judgement
    causes = " ".join(cause.name for cause in j.causes)
    return say("page.verdict", j=j, causes=causes, mark=MARK[j.verdict])


def body(f: Findings) -> str:
    """Everything below the verdict."""
    sections = (_causes, _answer, _spread, _mismatch, _effective, _effects, _which, _context, _made)
    return _lead(f) + _glance(f) + "".join(section(f) for section in sections)


def _lead(f: Findings) -> str:
    masked = f.positions - f.tokens
    return say(
        "page.lead",
        f=f,
        prompts="" if f.prompts is None else say("page.prompts", f=f),
        masked=say("page.masked", count=masked) if masked else "",
    )


def _glance(f: Findings) -> str:
    quantiles = f.spreads[0].quantiles
    up, down = quantiles[-1], 1 / quantiles[0] if quantiles[0] else float("inf")
    return say("page.glance", f=f, farthest=number(up) if up >= down else f"1/{number(down)}")


def _list(reasons: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    return f"<ul>{items}</ul>" if items else ""


def _answer(f: Findings) -> str:
    text = f'<p class="answer">{escape(f.answer.verdict)}</p>{_list(f.answer.reasons)}'
    return parts.section("clip", text)


def _causes(f: Findings) -> str:
    j = f.judgement
    if j.verdict == "found":
        items = "".join(say("page.cause", cause=cause) for cause in j.causes)
        text = f'<ul class="causes">{items}</ul>'
    else:
        text = say(f"page.{j.verdict}", j=j)
    if j.seen:
        text += say("page.seen", list=_list(j.seen))
    unseen = say("page.unseen", list=_list(j.unseen)) if j.unseen else ""
    return parts.section("causes", text + unseen)


def _spread(f: Findings) -> str:
    old = f.anchor == "logp_old"
    figure = parts.figure(figures.ratios(f), say("page.histogram", anchor=OLD if old else "μ"))
    rows = [say("page.quantile_row", name=say(f"page.{s.key}"), s=s) for s in f.spreads]
    text = say("page.spread", split="" if old else say("page.split"))
    return parts.section("spread", f"{text}{figure}{parts.table('quantile', rows)}")


def _mismatch(f: Findings) -> str:
    spread = next((s for s in f.spreads if s.key == "mismatch"), None)
    if spread is not None and spread.one == 1:
        return parts.section("mismatch", say("page.equal"))
    ratio = "π_old/μ" if spread else "π/μ"
    caption = say("page.classes", ratio=ratio.replace("π_old", OLD))
    figure = parts.figure(figures.classes(f.classes, ratio), caption)
    text = say("page.mixed") if spread is None else say("page.before", f=f, x=spread)
    return parts.section("mismatch", f"{text}{_scale(f)}{figure}{_logged(f)}")


def _scale(f: Findings) -> str:
    """The mismatch of this file among recorded ones, in order."""
    every: list[tuple[str, Row | Scale]] = [(say(f"scale.{row.key}"), row) for row in recorded()]
    every.append((f"<strong>{say('page.scale_here')}</strong>", f.scale))
    every.sort(key=lambda named: named[1].deviation)
    table = parts.table(
        "scale",
        [say("page.scale_row", name=name, row=row) for name, row in every],
        model=MODEL,
        tokens=recorded()[0].tokens,
        command=COMMAND,
    )
    return f"<p>{escape(f.scale.text)}</p>{table}"


def _logged(f: Findings) -> str:
    rows = [say("page.logged_row", name=say(f"page.{row.how}", f=f), row=row) for row in f.logged]
    return say("page.logged") + parts.table("logged", rows)


def _effective(f: Findings) -> str:
    return parts.section("effective", say("page.effective", f=f))


def _effects(f: Findings) -> str:
    count, old = len(f.points), f.anchor == "logp_old"
    some = say("page.all_tokens" if count == f.tokens else "page.some_tokens", f=f, count=count)
    caption = say("page.plane", f=f, some=some, around=say("page.around_mu") if old else "")
    legend = say("page.legend", **{kind: figures.glyph(kind) for kind in figures.SHAPES})
    terms = say(
        "page.terms",
        f=f,
        low=1 - f.limits.eps_low,
        high=1 + f.limits.eps_high,
        tis=say("page.tis_old" if old else "page.tis_none"),
    )
    pair = f"{parts.figure(figures.plane(f), caption, legend)}<div>{terms}</div>"
    table = parts.table("effects", map(_method, f.effects))
    return parts.section("effects", f'{_agreement(f)}{table}<div class="pair">{pair}</div>')


def _method(e: EffectRow) -> str:
    return say(
        "page.quatro_row" if e.key == "quatro" else "page.effects_row",
        e=e,
        anchor="μ" if e.anchor == "logp_rollout" else OLD,
        meter=figures.meter(e.share, "bar-cut" if e.key in ("ppo", "tis") else "bar"),
    )


def _agreement(f: Findings) -> str:
    a = f.agreement
    if not a.both + a.ppo + a.dppo:
        return say("page.silent")
    likely = ["" if p is None else say("page.likely", probability=p) for p in a.probability]
    return say(
        "page.agreement", f=f, both_likely=likely[0], ppo_likely=likely[1], dppo_likely=likely[2]
    )


def _which(f: Findings) -> str:
    rows = [say("page.class_row", name=figures.class_name(c), c=c) for c in f.classes]
    if f.words:
        words = parts.table("token", [say("page.token_row", w=w) for w in f.words])
    else:
        words = say("page.no_text" if f.words is None else "page.no_tokens")
    return parts.section("which", parts.table("class", rows) + words)


def _context(f: Findings) -> str:
    if not f.examples:
        return ""
    return parts.section("context", say("page.context_legend") + "".join(map(_example, f.examples)))


def _example(e: Example) -> str:
    before, after = ("… " if cut else "" for cut in e.cut)
    return say(
        "page.example",
        e=e,
        kind=say(f"page.example_{e.kind}"),
        own=next(s for s in e.context if s.own),
        prompt="" if e.prompt is None else say("page.prompt", e=e),
        before=before,
        words="".join(map(_shown, e.context)),
        after=after,
        ratio=e.after / e.before if e.before else float("inf"),
        quatro=say("page.turns" if e.turned else "page.turns_not"),
    )


def _shown(s: Shown) -> str:
    text = escape(visible(s.text)).replace("↵", "↵\n") or "∅"
    own = " own" if s.own else ""
    if s.mark in ("", "masked"):
        return (
            f'<span class="{s.mark}{own}">{text}</span>'
            if s.mark or own
            else f"<span>{text}</span>"
        )
    return f'<mark class="m-{s.mark}{own}">{text}</mark>'


def _made(f: Findings) -> str:
    said = ""
    if f.recognised:
        pairs = [say("page.pair", ours=ours, theirs=theirs) for ours, theirs in f.recognised]
        said = say("page.recognised", names=", ".join(pairs))
    if f.unread:
        names = [say("page.column", name=name) for name in f.unread]
        said += say("page.unread", names=", ".join(names))
    return say("page.made", layout=say(f"page.layout_{f.layout}"), unread=said)
