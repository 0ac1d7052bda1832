"""The findings as one HTML page that needs nothing but itself: style, script and figures are inside."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from pathlib import Path

from trlab.diagnose import figures, parts
from trlab.diagnose.answer import percent, tokens
from trlab.diagnose.parts import number, visible
from trlab.diagnose.report import QUANTILES, EffectRow, Findings, Unbiased
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
RATIOS = {
    "whole": ("π/μ", "whole: now to sampled"),
    "staleness": ("π/π<sub>old</sub>", "staleness: the updates"),
    "mismatch": ("π<sub>old</sub>/μ", "mismatch: learner to sampler"),
}
KINDS = {
    "ppo": "Only PPO silences",
    "dppo": "Only DPPO (TV) silences",
    "both": "PPO and DPPO (TV) both silence",
    "turned": "No mask acts, but QUATRO turns back",
}
QUATRO = {True: "QUATRO turns this completion back.", False: "QUATRO does not turn this completion back."}


def page(findings: Findings) -> str:
    """The whole page; everything that came from the file is escaped, and a policy forbids every request."""
    digest = base64.b64encode(hashlib.sha256(SCRIPT.encode()).digest()).decode()
    style = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
    policy = f"default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'"
    sections = (_answer, _kind, _spread, _mismatch, _effective, _effects, _which, _context, _made)
    name = escape(visible(findings.source))
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="{GENERATOR} {__version__}">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<title>Diagnosis of {name}</title>
<style>
{style}</style>
</head>
<body>
<header>
<button type="button" hidden>Light or dark</button>
<h1>Diagnosis of {name}</h1>
<p class="lead">{_lead(findings)}</p>
{_glance(findings)}
</header>
<main>
{"".join(section(findings) for section in sections)}</main>
<footer>Made by <code>trlib diagnose</code> {__version__}. This page loads nothing from anywhere.</footer>
<script>{SCRIPT}</script>
</body>
</html>
"""


def _lead(f: Findings) -> str:
    prompts = "" if f.prompts is None else f" of {f.prompts:,} prompt{'' if f.prompts == 1 else 's'}"
    masked = f.positions - f.tokens
    more = f", and {masked:,} positions that the mask leaves out" if masked else ""
    return (
        f"{f.completions:,} completion{'' if f.completions == 1 else 's'}{prompts} with {tokens(f.tokens)} that "
        f"the loss counts{more}. How far has the policy moved from what it wrote, and what would a trust region do "
        "about it?"
    )


def _glance(f: Findings) -> str:
    whole, dppo = f.spreads[0], next(e for e in f.effects if e.key == "dppo_tv")
    up, down = whole.quantiles[-1], 1 / whole.quantiles[0] if whole.quantiles[0] else float("inf")
    cells = [
        (percent(f.answer.share), "clip ratio: tokens that PPO silences"),
        (percent(dppo.share), "tokens that DPPO (TV) silences"),
        (percent(f.effective.tokens), "effective sample size, by token"),
        (number(up) if up >= down else f"1/{number(down)}", "the ratio π/μ that is farthest from 1"),
    ]
    return (
        '<dl class="glance">'
        + "".join(f"<div><dt>{text}</dt><dd>{value}</dd></div>" for value, text in cells)
        + "</dl>"
    )


def _answer(f: Findings) -> str:
    items = "".join(f"<li>{escape(reason)}</li>" for reason in f.answer.reasons)
    return parts.section(
        "Why is my clip ratio 0?",
        f'<p class="verdict">{escape(f.answer.verdict)}</p>' + (f"<ul>{items}</ul>" if items else ""),
    )


def _kind(f: Findings) -> str:
    items = "".join(f"<li>{escape(reason)}</li>" for reason in f.meaning.reasons)
    mark = ' class="warning"' if f.meaning.holds is False else ""
    return parts.section(
        "Which log-probs are these?",
        f"<p{mark}>{escape(f.meaning.verdict)}</p>" + (f"<ul>{items}</ul>" if items else ""),
    )


def _spread(f: Findings) -> str:
    anchor = "π<sub>old</sub>" if f.anchor == "logp_old" else "μ"
    figure = parts.figure(
        figures.ratios(f),
        f"The ratio π/{anchor} that PPO looks at: wide bars count what it keeps, "
        "narrow ones in front what it silences. Dashed lines bound the window; what lies beyond the "
        "axis is counted at its ends.",
    )
    shown = [i for i, q in enumerate(QUANTILES) if q not in (0.05, 0.95)]
    names = {0.0: "least", 0.01: "1 %", 0.5: "median", 0.99: "99 %", 1.0: "most"}
    head = ["ratio", *(names[QUANTILES[i]] for i in shown), "outside the window", "exactly 1", "KL, nats", "TV"]
    rows = [
        [
            _ratio(s.key),
            *(number(s.quantiles[i]) for i in shown),
            percent(s.outside),
            percent(s.one),
            parts.or_none(s.kl),
            parts.or_none(s.tv),
        ]
        for s in f.spreads
    ]
    table = parts.table(
        "The ratio's quantiles over tokens; KL(μ ‖ ·) by k3 and total variation by mean |r − 1| / 2, "
        "both per token, where μ is what sampled",
        head,
        rows,
    )
    split = (
        ""
        if f.anchor == "logp_old"
        else " Without a column <code>logp_old</code> the updates and the sampler's own deviation cannot be told apart."
    )
    return parts.section(
        "How far have the ratios spread?",
        "<p>π is the policy that learns, μ the one that sampled, π<sub>old</sub> the learner before "
        "this batch's updates; π/μ = π/π<sub>old</sub> × π<sub>old</sub>/μ."
        f"{split}</p>{figure}{table}",
    )


def _mismatch(f: Findings) -> str:
    spread = next((s for s in f.spreads if s.key == "mismatch"), None)
    what = "π_old/μ" if spread else "π/μ"
    figure = parts.figure(
        figures.classes(f.classes, what),
        f"The ratio {parts.sub(what)} by how likely the sampler "
        "found the token: 1st to 99th percentile, the dot is the median. Where a token's logit is "
        "off by z, the log of its ratio is off by about (1 − p) z: rare tokens feel it in full.",
    )
    if spread is None:
        text = (
            "<p>The file has no <code>logp_old</code>, so what follows mixes the sampler's deviation with the "
            "updates. Record the learner's log-probs before its first update to see the sampler alone.</p>"
        )
    elif spread.one == 1:
        text = (
            "<p><code>logp_old</code> and <code>logp_rollout</code> are equal to the last bit at every token that "
            "counts.</p>"
        )
        return parts.section("Does the sampler agree with the learner?", text)
    else:
        text = (
            f"<p>Before any update the learner and the sampler differ by {number(spread.kl or 0)} nats per token "
            f"(KL) and {number(spread.tv or 0)} in total variation; the ratios lie from "
            f"{number(spread.quantiles[0])} to {number(spread.quantiles[-1])}.</p>{_unbiased(f, f.unbiased)}"
        )
    return parts.section("Does the sampler agree with the learner?", text + figure + _logged(f))


def _unbiased(f: Findings, unbiased: Unbiased) -> str:
    mean, error, cut = unbiased.mean, unbiased.error, f.sampling.top_p
    said = f"The mean of π<sub>old</sub>/μ is {mean:.4f} ± {error:.4f} (one standard error)"
    if unbiased.deviates and cut is not None and cut < 1 and mean < 1:
        return (
            f"<p>{said}. Over tokens that μ sampled with top-p {cut:g} it is the probability that the learner "
            "gives to what the sampler kept, so a mean below 1 says nothing against the log-probs.</p>"
        )
    if unbiased.deviates:
        return (
            f'<p class="warning">{said}; over tokens that μ sampled it must be 1, whatever π<sub>old</sub> is. So '
            "<code>logp_rollout</code> are not the log-probs of the distribution that sampled. Look for log-probs "
            "recorded before temperature, top-p or top-k were applied, for a shift by one token, or for a text "
            "that was tokenized anew.</p>"
        )
    if f.meaning.holds is False:
        return (
            f"<p>{said}. The learner and the sampler agree, on log-probs that are not those of the distribution "
            "that sampled.</p>"
        )
    return (
        f"<p>{said}. Over tokens that μ sampled it must be 1, and it is: nothing speaks against "
        "<code>logp_rollout</code> being the log-probs of the distribution that sampled. A learner that scores at "
        "another temperature would show in the divergences above, not here.</p>"
    )


def _logged(f: Findings) -> str:
    names = {"as it is": "as it is", "truncate": f"at most {f.limits.cap:g} (TIS)", "mask": f"0 above {f.limits.cap:g}"}
    rows = [[names[row.how], number(row.mean), number(row.largest)] for row in f.logged]
    table = parts.table(
        "The sampler's ratio before and after a correction bounds it",
        ["as a trainer may log it", "mean", "largest"],
        rows,
    )
    return (
        "<p>Does your log show another ratio? A trainer that logs after its correction shows the bounded one, and "
        f"its log stays calm however large the mismatch is.</p>{table}"
    )


def _effective(f: Findings) -> str:
    e = f.effective
    return parts.section(
        "How much is the batch still worth?",
        f"<p>Weighted by π/μ, the {tokens(f.tokens)} are worth {percent(e.tokens)} as many fresh ones "
        f"(Kish's effective sample size). The heaviest 1 % of the tokens hold {percent(e.top)} of all "
        "weight. Weighted by the product over a whole completion, the "
        f"{f.completions:,} completions are worth {percent(e.completions)} as many.</p>",
    )


def _effects(f: Findings) -> str:
    head = [
        "method",
        "silenced",
        "of A&nbsp;&gt;&nbsp;0",
        "of A&nbsp;&lt;&nbsp;0",
        "of all&nbsp;|A|",
        "reweighed",
        "turned back",
    ]
    rows = [
        [
            _method(e, f),
            figures.meter(e.share, "bar-cut" if e.key in ("ppo", "tis") else "bar"),
            parts.share(e.positive),
            parts.share(e.negative),
            parts.share(e.advantage),
            '<span class="none">own scale</span>' if e.key == "quatro" else f"{e.reweighed:,}",
            f"{e.turned:,}" if e.key == "quatro" else '<span class="none">never</span>',
        ]
        for e in f.effects
    ]
    table = parts.table("Shares are of the tokens that the mask counts", head, rows)
    legend = "".join(
        f"<li>{figures.glyph(kind)} {text}</li>"
        for kind, text in (("kept", "neither"), ("ppo", "only PPO"), ("dppo", "only DPPO"), ("both", "both"))
    )
    count = len(f.points)
    some = (
        "all tokens"
        if count == f.tokens
        else f"{count:,} of {f.tokens:,} tokens, evenly picked among the silenced and among the others"
    )
    around = (
        ""
        if f.anchor == "logp_rollout"
        else " The dashed lines are drawn around μ, while PPO looks at π<sub>old</sub>: a mark may differ from them "
        "by the mismatch."
    )
    figure = parts.figure(
        figures.plane(f),
        f"Probability before and now, {some}. Dashed: PPO's window; solid: total "
        f"variation {f.limits.delta_tv:g}. Outside its border a token is silenced only where the "
        f"update would carry it further.{around}",
        legend,
    )
    return parts.section(
        "What would each method do?", f'{_agreement(f)}{table}<div class="pair">{figure}<div>{_terms(f)}</div></div>'
    )


def _agreement(f: Findings) -> str:
    a = f.agreement
    if not a.both + a.ppo + a.dppo:
        return "<p>Neither PPO nor DPPO (TV) silences any token of this batch.</p>"
    likely = [f" (median probability when sampled: {number(p)})" if p is not None else "" for p in a.probability]
    return (
        f"<p>PPO and DPPO (TV) both silence {tokens(a.both)}{likely[0]}. PPO alone silences {a.ppo:,}{likely[1]}, "
        f"DPPO alone {a.dppo:,}{likely[2]}.</p>"
    )


def _terms(f: Findings) -> str:
    limits = f.limits
    tis = (
        "π_old/μ, cut at the cap, on the advantages: what lies above the cap is reweighed"
        if f.anchor == "logp_old"
        else "no logp_old: policy gradient with π/μ itself cut at the cap"
    )
    terms = [
        ("silenced", "it has an advantage, and the method's own loss gives it no gradient"),
        ("reweighed", "kept, but pushed by more than 1 % more or less than the exact importance weight A π/μ"),
        ("turned back", "pushed against its first direction: the completion is past its target"),
        (
            f"PPO, {1 - limits.eps_low:.4g} to {1 + limits.eps_high:.4g}",
            "ratio left the window on the side the update pushes to",
        ),
        (f"TIS, cap {limits.cap:g}", tis),
        (
            f"DPPO, TV {limits.delta_tv:g}, KL {limits.delta_kl:g}",
            "this token against all others has moved that far from μ and would move further (arXiv 2602.04879)",
        ),
        (
            f"QUATRO, {limits.delta_quatro:g} nats a completion",
            f"derived here from the published problem (arXiv "
            f"2602.04620); constraints solved from {f.duals}; it pulls instead of silencing",
        ),
    ]
    return '<dl class="terms">' + "".join(f"<dt>{a}</dt><dd>{parts.sub(b)}</dd>" for a, b in terms) + "</dl>"


def _which(f: Findings) -> str:
    keys = [("ppo", "PPO"), ("dppo_tv", "DPPO TV"), ("dppo_kl", "DPPO KL")]
    head = ["probability when sampled", "tokens", *(name for _, name in keys), "99 % of |π − μ|"]
    rows = [
        [figures.class_name(c), f"{c.count:,}", *(f"{c.silenced[k]:,}" for k, _ in keys), number(c.tv)]
        for c in f.classes
    ]
    text = parts.table("Silenced tokens by how likely the sampler found them", head, rows)
    if f.words is None:
        return parts.section(
            "Which tokens?",
            text + "<p>The file does not say what the tokens are: a column "
            "<code>text</code> with every token's text, or <code>tokens</code> with ids, would name "
            "them.</p>",
        )
    if not f.words:
        return parts.section("Which tokens?", text + "<p>Neither PPO nor DPPO silences any.</p>")
    head = ["token", "count", *(name for _, name in keys), "QUATRO turns", "median μ", "π/μ from", "to"]
    rows = [
        [
            parts.token(w.text),
            f"{w.count:,}",
            *(f"{w.silenced[k]:,}" for k, _ in keys),
            f"{w.turned:,}",
            number(w.probability),
            number(w.ratio[0]),
            number(w.ratio[1]),
        ]
        for w in f.words
    ]
    table = parts.table("The tokens that PPO or DPPO silences most often, by their text", head, rows)
    return parts.section("Which tokens?", text + table)


def _context(f: Findings) -> str:
    if not f.examples:
        return ""
    legend = "".join(
        f'<li><mark class="m-{kind}">{text}</mark></li>'
        for kind, text in (("ppo", "only PPO silences"), ("dppo", "only DPPO (TV)"), ("both", "both"))
    )
    return parts.section("In context", f'<ul class="legend">{legend}</ul>' + "".join(map(_example, f.examples)))


def _example(e: Example) -> str:
    own = next(s for s in e.context if s.own)
    prompt = "" if e.prompt is None else f"<p>Prompt: {parts.token(e.prompt)}</p>"
    words = "".join(map(_shown, e.context))
    before, after = ("… " if cut else "" for cut in e.cut)
    ratio = e.after / e.before if e.before else float("inf")
    return (
        f'<article class="example"><h3>{KINDS[e.kind]} {parts.token(own.text)}</h3>{prompt}'
        f'<p class="context">{before}{words} {after}</p><p>Completion {e.completion}, token {e.position}: '
        f"probability {number(e.before)} → {number(e.after)}, ratio {number(ratio)}, advantage "
        f"{e.advantage:+.3g}. {QUATRO[e.turned]}</p></article>\n"
    )


def _shown(s: Shown) -> str:
    text = escape(visible(s.text)).replace("↵", "↵\n") or "∅"
    own = " own" if s.own else ""
    if s.mark in ("", "masked"):
        return f'<span class="{s.mark}{own}">{text}</span>' if s.mark or own else f"<span>{text}</span>"
    return f'<mark class="m-{s.mark}{own}">{text}</mark>'


def _made(f: Findings) -> str:
    unread = ""
    if f.unread:
        names = ", ".join(f"<code>{escape(visible(n))}</code>" for n in f.unread)
        unread = f"<p>Columns of the file that were not read: {names}.</p>"
    layout = "one row a completion" if f.layout == "completion" else "one row a token"
    return (
        f"<details><summary>How this was made</summary><p>The file holds {layout}. Silenced tokens and weights "
        "come from the losses of <code>trlib</code> themselves, in float64; divergences are binary (a token "
        "against all others) because a dump holds only sampled tokens; the exact ones are never smaller. Rows, "
        f"completions and tokens are counted from 0.</p>{unread}</details>\n"
    )


def _method(e: EffectRow, f: Findings) -> str:
    around = "μ" if e.anchor == "logp_rollout" else "π<sub>old</sub>"
    derived = ", derived here" if e.key == "quatro" else ""
    return f"{e.name}<small>around {around}{derived}</small>"


def _ratio(key: str) -> str:
    name, text = RATIOS[key]
    return f"{name}<small>{text}</small>"
