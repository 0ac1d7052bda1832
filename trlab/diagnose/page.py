"""The findings as one HTML page that needs nothing but itself: style, script and figures are
inside."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from html import escape
from pathlib import Path

from trlab.diagnose import figures, parts
from trlab.diagnose.answer import percent, tokens
from trlab.diagnose.findings import EffectRow, Findings, Scale
from trlab.diagnose.parts import number, visible
from trlab.diagnose.report import QUANTILES
from trlab.diagnose.scale import COMMAND, MODEL, Row, recorded
from trlab.diagnose.texts import say
from trlab.diagnose.words import Example, Shown
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
KEYS = (("ppo", "PPO"), ("dppo_tv", "DPPO TV"), ("dppo_kl", "DPPO KL"))
MARK = {"healthy": "✓", "found": "✗", "unclear": "?"}
OLD = "π<sub>old</sub>"


def page(findings: Findings) -> str:
    """The whole page; everything that came from the file is escaped, and a policy forbids every
    request."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    title = say("page.title", name=escape(visible(findings.source)))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{GENERATOR} {__version__}">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
<header>
<button type="button" hidden>{say("page.theme")}</button>
<h1>{title}</h1>
{verdict(findings)}
</header>
<main>
{body(findings)}</main>
<footer>{say("page.footer", version=f" {__version__}")}</footer>
<script>{SCRIPT}</script>
</body>
</html>
"""


def verdict(f: Findings) -> str:
    """The one verdict at the top; `data-causes` holds the causes' names."""
    j = f.judgement
    names = " ".join(cause.name for cause in j.causes)
    mark = f'<span aria-hidden="true">{MARK[j.verdict]}</span> '
    return (
        f'<p class="verdict" data-verdict="{j.verdict}" '
        f'data-causes="{names}">{mark}{escape(j.headline)}</p>'
    )


def body(f: Findings) -> str:
    """Everything below the verdict."""
    sections = (_causes, _answer, _spread, _mismatch, _effective, _effects, _which, _context, _made)
    return f'<p class="lead">{_lead(f)}</p>\n{_glance(f)}\n' + "".join(
        section(f) for section in sections
    )


def _lead(f: Findings) -> str:
    masked = f.positions - f.tokens
    prompts = (
        "" if f.prompts is None else say("page.prompts", count=f"{f.prompts:,}", s=_s(f.prompts))
    )
    return say(
        "page.lead",
        completions=say(
            "page.completions", count=f"{f.completions:,}", s=_s(f.completions), prompts=prompts
        ),
        tokens=tokens(f.tokens),
        masked=say("page.masked", count=f"{masked:,}") if masked else "",
    )


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _glance(f: Findings) -> str:
    whole, dppo = f.spreads[0], next(e for e in f.effects if e.key == "dppo_tv")
    up, down = whole.quantiles[-1], 1 / whole.quantiles[0] if whole.quantiles[0] else float("inf")
    cells = [
        (percent(f.answer.share), say("page.glance_clip")),
        (percent(dppo.share), say("page.glance_dppo")),
        (percent(f.effective.tokens), say("page.glance_effective")),
        (number(up) if up >= down else f"1/{number(down)}", say("page.glance_ratio")),
    ]
    rows = "".join(f"<div><dt>{text}</dt><dd>{value}</dd></div>" for value, text in cells)
    return f'<dl class="glance">{rows}</dl>'


def _list(reasons: Sequence[str]) -> str:
    items = "".join(f"<li>{escape(reason)}</li>" for reason in reasons)
    return f"<ul>{items}</ul>" if items else ""


def _answer(f: Findings) -> str:
    text = f'<p class="answer">{escape(f.answer.verdict)}</p>{_list(f.answer.reasons)}'
    return parts.section(say("page.clip_heading"), text)


def _causes(f: Findings) -> str:
    j = f.judgement
    rows = [
        say(
            "page.cause",
            name=cause.name,
            evidence=escape(cause.evidence),
            advice=escape(cause.advice),
        )
        for cause in j.causes
    ]
    text = f'<ul class="causes">{"".join(f"<li>{row}</li>" for row in rows)}</ul>' if rows else ""
    if j.verdict == "healthy":
        text = say("page.nothing")
    if j.verdict == "unclear":
        text = say("page.unclear", headline=escape(j.headline))
    unseen = say("page.unseen", list=_list(j.unseen)) if j.unseen else ""
    return parts.section(say("page.causes_heading"), text + unseen)


def _spread(f: Findings) -> str:
    anchor = OLD if f.anchor == "logp_old" else "μ"
    figure = parts.figure(figures.ratios(f), say("page.histogram", anchor=anchor))
    shown = [i for i, q in enumerate(QUANTILES) if q not in (0.05, 0.95)]
    rows = [
        [
            say(f"page.{s.key}"),
            *(number(s.quantiles[i]) for i in shown),
            percent(s.outside),
            percent(s.one),
            parts.or_none(s.kl),
            parts.or_none(s.tv),
        ]
        for s in f.spreads
    ]
    table = parts.table(say("page.quantiles"), say("page.quantile_heads"), rows)
    text = say("page.spread", split="" if f.anchor == "logp_old" else say("page.split"))
    return parts.section(say("page.spread_heading"), f"{text}{figure}{table}")


def _mismatch(f: Findings) -> str:
    spread = next((s for s in f.spreads if s.key == "mismatch"), None)
    if spread is not None and spread.one == 1:
        return parts.section(say("page.mismatch_heading"), say("page.equal"))
    ratio = "π_old/μ" if spread else "π/μ"
    figure = parts.figure(
        figures.classes(f.classes, ratio), say("page.classes", ratio=parts.sub(ratio))
    )
    if spread is None:
        text = say("page.mixed")
    else:
        text = say(
            "page.before",
            kl=number(spread.kl or 0),
            tv=number(spread.tv or 0),
            least=number(spread.quantiles[0]),
            most=number(spread.quantiles[-1]),
            mean=f"{f.unbiased.value:.4f}",
            error=f"{f.unbiased.error:.4f}",
        )
    return parts.section(say("page.mismatch_heading"), f"{text}{_scale(f)}{figure}{_logged(f)}")


def _scale(f: Findings) -> str:
    """The mismatch of this file among recorded ones, in order."""
    every: list[tuple[str, Row | Scale]] = [(say(f"scale.{row.key}"), row) for row in recorded()]
    every = sorted(
        [*every, (say("page.scale_here"), f.scale)], key=lambda named: named[1].deviation
    )
    rows = [
        [
            f"<strong>{name}</strong>" if row is f.scale else name,
            number(row.deviation),
            number(row.kl),
            percent(row.outside),
            number(row.largest),
        ]
        for name, row in every
    ]
    caption = say("page.scale", model=MODEL, tokens=f"{recorded()[0].tokens:,}", command=COMMAND)
    return f"<p>{escape(f.scale.text)}</p>{parts.table(caption, say('page.scale_heads'), rows)}"


def _logged(f: Findings) -> str:
    rows = [
        [say(f"page.{row.how}", cap=f"{f.limits.cap:g}"), number(row.mean), number(row.largest)]
        for row in f.logged
    ]
    return say("page.logged") + parts.table(
        say("page.logged_caption"), say("page.logged_heads"), rows
    )


def _effective(f: Findings) -> str:
    e = f.effective
    text = say(
        "page.effective",
        tokens=tokens(f.tokens),
        share=percent(e.tokens),
        top=percent(e.top),
        count=f"{f.completions:,}",
        completions=percent(e.completions),
    )
    return parts.section(say("page.effective_heading"), text)


def _effects(f: Findings) -> str:
    rows = [
        [
            _method(e),
            figures.meter(e.share, "bar-cut" if e.key in ("ppo", "tis") else "bar"),
            parts.share(e.positive),
            parts.share(e.negative),
            parts.share(e.advantage),
            say("page.own_scale") if e.key == "quatro" else f"{e.reweighed:,}",
            f"{e.turned:,}" if e.key == "quatro" else say("page.never"),
        ]
        for e in f.effects
    ]
    table = parts.table(say("page.effects_caption"), say("page.effects_heads"), rows)
    kinds = ("kept", "ppo", "dppo", "both")
    legend = "".join(f"<li>{figures.glyph(kind)} {say(f'page.{kind}')}</li>" for kind in kinds)
    count = len(f.points)
    some = say("page.all_tokens")
    if count != f.tokens:
        some = say("page.some_tokens", count=f"{count:,}", total=f"{f.tokens:,}")
    around = "" if f.anchor == "logp_rollout" else say("page.around_mu")
    caption = say("page.plane", some=some, tv=f"{f.limits.delta_tv:g}", around=around)
    figure = parts.figure(figures.plane(f), caption, legend)
    pair = f'<div class="pair">{figure}<div>{_terms(f)}</div></div>'
    return parts.section(say("page.effects_heading"), f"{_agreement(f)}{table}{pair}")


def _agreement(f: Findings) -> str:
    a = f.agreement
    if not a.both + a.ppo + a.dppo:
        return say("page.silent")
    likely = ["" if p is None else say("page.likely", probability=number(p)) for p in a.probability]
    return say(
        "page.agreement",
        both=tokens(a.both),
        both_likely=likely[0],
        ppo=f"{a.ppo:,}",
        ppo_likely=likely[1],
        dppo=f"{a.dppo:,}",
        dppo_likely=likely[2],
    )


def _terms(f: Findings) -> str:
    x = f.limits
    terms = [
        (say("page.term_silenced"), say("page.silenced")),
        (say("page.term_reweighed"), say("page.reweighed")),
        (say("page.term_turned"), say("page.turned")),
        (
            say("page.term_ppo", low=f"{1 - x.eps_low:.4g}", high=f"{1 + x.eps_high:.4g}"),
            say("page.ppo_window"),
        ),
        (
            say("page.term_tis", cap=f"{x.cap:g}"),
            say("page.tis_old" if f.anchor == "logp_old" else "page.tis_none"),
        ),
        (
            say("page.term_dppo", tv=f"{x.delta_tv:g}", kl=f"{x.delta_kl:g}"),
            say("page.dppo_region"),
        ),
        (say("page.term_quatro", delta=f"{x.delta_quatro:g}"), say("page.quatro", duals=f.duals)),
    ]
    return '<dl class="terms">' + "".join(f"<dt>{a}</dt><dd>{b}</dd>" for a, b in terms) + "</dl>"


def _which(f: Findings) -> str:
    rows = [
        [
            figures.class_name(c),
            f"{c.count:,}",
            *(f"{c.silenced[k]:,}" for k, _ in KEYS),
            number(c.tv),
        ]
        for c in f.classes
    ]
    text = parts.table(say("page.class_caption"), say("page.class_heads"), rows)
    if f.words is None:
        return parts.section(say("page.which_heading"), text + say("page.no_text"))
    if not f.words:
        return parts.section(say("page.which_heading"), text + say("page.no_tokens"))
    rows = [
        [
            parts.token(w.text),
            f"{w.count:,}",
            *(f"{w.silenced[k]:,}" for k, _ in KEYS),
            f"{w.turned:,}",
            number(w.probability),
            number(w.ratio[0]),
            number(w.ratio[1]),
        ]
        for w in f.words
    ]
    table = parts.table(say("page.token_caption"), say("page.token_heads"), rows)
    return parts.section(say("page.which_heading"), text + table)


def _context(f: Findings) -> str:
    if not f.examples:
        return ""
    marks = ("ppo", "dppo", "both")
    legend = "".join(
        f'<li><mark class="m-{kind}">{say(f"page.mark_{kind}")}</mark></li>' for kind in marks
    )
    text = f'<ul class="legend">{legend}</ul>' + "".join(map(_example, f.examples))
    return parts.section(say("page.context_heading"), text)


def _example(e: Example) -> str:
    silenced = next(s for s in e.context if s.own)
    prompt = "" if e.prompt is None else say("page.prompt", prompt=parts.token(e.prompt))
    words = "".join(map(_shown, e.context))
    before, after = ("… " if cut else "" for cut in e.cut)
    text = say(
        "page.example",
        completion=e.completion,
        position=e.position,
        before=number(e.before),
        after=number(e.after),
        ratio=number(e.after / e.before if e.before else float("inf")),
        advantage=f"{e.advantage:+.3g}",
        quatro=say("page.turns" if e.turned else "page.turns_not"),
    )
    return (
        f'<article class="example"><h3>{say(f"page.example_{e.kind}")} '
        f"{parts.token(silenced.text)}</h3>{prompt}"
        f'<p class="context">{before}{words} {after}</p><p>{text}</p></article>\n'
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
    unread = ""
    if f.unread:
        unread = say(
            "page.unread", names=", ".join(f"<code>{escape(visible(n))}</code>" for n in f.unread)
        )
    if f.recognised:
        pairs = ", ".join(
            f"<code>{escape(visible(theirs))}</code> as {ours}" for ours, theirs in f.recognised
        )
        unread = say("page.recognised", names=pairs) + unread
    return say("page.made", layout=say(f"page.layout_{f.layout}"), unread=unread)


def _method(e: EffectRow) -> str:
    anchor = "μ" if e.anchor == "logp_rollout" else OLD
    return e.name + say(
        "page.around", anchor=anchor, derived=say("page.derived") if e.key == "quatro" else ""
    )
