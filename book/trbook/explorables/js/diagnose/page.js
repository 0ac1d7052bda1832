/* The page of a diagnosis: `trlab.diagnose.page`, `parts` and `figures` in JavaScript, to the letter. */

import { comma, escape, fixed, general, letters, number, percent, say, tokens, visible } from "./format.js";
import { linspace } from "./numbers.js";
import { clamp } from "../parts/maths.js";
import shared from "./shared.json" with { type: "json" };

const KEYS = ["ppo", "dppo_tv", "dppo_kl"],
  OLD = "π<sub>old</sub>",
  { QUANTILES } = shared.constants;
const s = (count) => (count === 1 ? "" : "s");

/* The page as one file that needs nothing but itself. */
export function page(f) {
  const title = say("page.title", { name: escape(visible(f.source)) });
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${shared.digest}'`;
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="${shared.generator}">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<title>${title}</title>
<style>
${shared.css}</style>
</head>
<body>
<header>
<button type="button" hidden>${say("page.theme")}</button>
<h1>${title}</h1>
${verdict(f)}
</header>
<main>
${body(f)}</main>
<footer>${say("page.footer", { version: "" })}</footer>
<script>${shared.script}</script>
</body>
</html>
`;
}

export const markOf = (f) => ({ healthy: "✓", found: "✗", unclear: "?" })[f.verdict];
export const causesOf = (f) => f.causes.map((cause) => cause.name).join(" ");

function verdict(f) {
  const mark = `<span aria-hidden="true">${markOf(f)}</span> `;
  return `<p class="verdict" data-verdict="${f.verdict}" data-causes="${causesOf(f)}">${mark}${escape(f.headline)}</p>`;
}

/* Everything below the verdict. */
export function body(f) {
  const sections = [causes, answer, spread, mismatch, effective, effects, which, context, made];
  return `<p class="lead">${lead(f)}</p>\n${glance(f)}\n${sections.map((part) => part(f)).join("")}`;
}

/* -- parts ---------------------------------------------------------------------------------------------------------- */

const section = (title, text) => `<section><h2>${say(title)}</h2>\n${text}</section>\n`;
const figure = (svg, caption, legend = "") =>
  `<figure>${svg}${legend && `<ul class="legend">${legend}</ul>`}<figcaption>${caption}</figcaption></figure>`;
const list = (reasons) =>
  reasons.length ? `<ul>${reasons.map((reason) => `<li>${escape(reason)}</li>`).join("")}</ul>` : "";
const share = (value) => (value === null ? say("page.none") : percent(value));
const orNone = (value) => (value === null ? say("page.dash") : number(value));
const sub = (text) => text.replaceAll("π_old", OLD);

function table(caption, heads, rows) {
  const top = heads
      .split("¦")
      .map((cell) => `<th scope="col">${cell}</th>`)
      .join(""),
    name = caption.replace(/<[^>]*>/g, "");
  const cells = rows
    .map(
      ([first, ...rest]) => `<tr><th scope="row">${first}</th>${rest.map((cell) => `<td>${cell}</td>`).join("")}</tr>`,
    )
    .join("");
  return (
    `<p class="caption">${caption}</p><div class="scroll" tabindex="0" role="region" aria-label="${name}">` +
    `<table aria-label="${name}"><thead><tr>${top}</tr></thead><tbody>${cells}</tbody></table></div>`
  );
}

function token(text) {
  if (!text) return "∅";
  const all = letters(visible(text)),
    shown = letters(text).length < 4 ? all.map((c) => (c === " " ? "␣" : c)) : all;
  return `<span class="token">${escape(shown.slice(0, 60).join(""))}${shown.length > 60 ? "…" : ""}</span>`;
}

/* -- sections ------------------------------------------------------------------------------------------------------- */

function lead(f) {
  const masked = f.positions - f.tokens,
    prompts = f.prompts === null ? "" : say("page.prompts", { count: comma(f.prompts), s: s(f.prompts) });
  return say("page.lead", {
    completions: say("page.completions", { count: comma(f.completions), s: s(f.completions), prompts }),
    tokens: tokens(f.tokens),
    masked: masked ? say("page.masked", { count: comma(masked) }) : "",
  });
}

function glance(f) {
  const whole = f.spreads[0].quantiles,
    up = whole.at(-1),
    down = whole[0] ? 1 / whole[0] : Infinity;
  const cells = [
    [percent(f.answer.share), "clip"],
    [percent(f.effects.find((e) => e.key === "dppo_tv").share), "dppo"],
    [percent(f.effective.tokens), "effective"],
    [up >= down ? number(up) : `1/${number(down)}`, "ratio"],
  ];
  return `<dl class="glance">${cells.map(([value, name]) => `<div><dt>${say(`page.glance_${name}`)}</dt><dd>${value}</dd></div>`).join("")}</dl>`;
}

const answer = (f) =>
  section("page.clip_heading", `<p class="answer">${escape(f.answer.verdict)}</p>${list(f.answer.reasons)}`);

function causes(f) {
  const rows = f.causes.map(
    (cause) =>
      `<li>${say("page.cause", { name: cause.name, evidence: escape(cause.evidence), advice: escape(cause.advice) })}</li>`,
  );
  let text = rows.length ? `<ul class="causes">${rows.join("")}</ul>` : "";
  if (f.verdict === "healthy") text = say("page.nothing");
  if (f.verdict === "unclear") text = say("page.unclear", { headline: escape(f.headline) });
  return section("page.causes_heading", text + (f.unseen.length ? say("page.unseen", { list: list(f.unseen) }) : ""));
}

function spread(f) {
  const picture = figure(ratios(f), say("page.histogram", { anchor: f.anchor === "logp_old" ? OLD : "μ" }));
  const shown = QUANTILES.flatMap((q, i) => (q === 0.05 || q === 0.95 ? [] : [i]));
  const rows = f.spreads.map((x) => [
    say(`page.${x.key}`),
    ...shown.map((i) => number(x.quantiles[i])),
    percent(x.outside),
    percent(x.one),
    orNone(x.kl),
    orNone(x.tv),
  ]);
  const text = say("page.spread", { split: f.anchor === "logp_old" ? "" : say("page.split") });
  return section(
    "page.spread_heading",
    text + picture + table(say("page.quantiles"), say("page.quantile_heads"), rows),
  );
}

function mismatch(f) {
  const x = f.spreads.find((row) => row.key === "mismatch"),
    ratio = x ? "π_old/μ" : "π/μ";
  if (x?.one === 1) return section("page.mismatch_heading", say("page.equal"));
  const picture = figure(classes(f.classes, ratio), say("page.classes", { ratio: sub(ratio) }));
  const text = x
    ? say("page.before", {
        kl: number(x.kl || 0),
        tv: number(x.tv || 0),
        least: number(x.quantiles[0]),
        most: number(x.quantiles.at(-1)),
        mean: fixed(f.unbiased.value, 4),
        error: fixed(f.unbiased.error, 4),
      })
    : say("page.mixed");
  return section("page.mismatch_heading", text + scale(f) + picture + logged(f));
}

function scale(f) {
  const { rows, model, command } = shared.scale,
    here = { ...f.scale, name: `<strong>${say("page.scale_here")}</strong>` };
  const every = [...rows.map((row) => ({ ...row, name: say(`scale.${row.key}`) })), here].sort(
    (a, b) => a.deviation - b.deviation,
  );
  const cells = every.map((row) => [
    row.name,
    number(row.deviation),
    number(row.kl),
    percent(row.outside),
    number(row.largest),
  ]);
  const caption = say("page.scale", { model, tokens: comma(rows[0].tokens), command });
  return `<p>${escape(f.scale.text)}</p>${table(caption, say("page.scale_heads"), cells)}`;
}

function logged(f) {
  const rows = f.logged.map((row) => [
    say(`page.${row.how}`, { cap: general(f.limits.cap) }),
    number(row.mean),
    number(row.largest),
  ]);
  return say("page.logged") + table(say("page.logged_caption"), say("page.logged_heads"), rows);
}

function effective(f) {
  const e = f.effective;
  return section(
    "page.effective_heading",
    say("page.effective", {
      tokens: tokens(f.tokens),
      share: percent(e.tokens),
      top: percent(e.top),
      count: comma(f.completions),
      completions: percent(e.completions),
    }),
  );
}

function effects(f) {
  const rows = f.effects.map((e) => [
    method(e),
    meter(e.share, e.key === "ppo" || e.key === "tis" ? "bar-cut" : "bar"),
    share(e.positive),
    share(e.negative),
    share(e.advantage),
    e.key === "quatro" ? say("page.own_scale") : comma(e.reweighed),
    e.key === "quatro" ? comma(e.turned) : say("page.never"),
  ]);
  const legend = ["kept", "ppo", "dppo", "both"]
    .map((name) => `<li>${glyph(name)} ${say(`page.${name}`)}</li>`)
    .join("");
  const some =
    f.points.length === f.tokens
      ? say("page.all_tokens")
      : say("page.some_tokens", { count: comma(f.points.length), total: comma(f.tokens) });
  const around = f.anchor === "logp_rollout" ? "" : say("page.around_mu");
  const picture = figure(plane(f), say("page.plane", { some, tv: general(f.limits.delta_tv), around }), legend);
  return section(
    "page.effects_heading",
    `${agreement(f)}${table(say("page.effects_caption"), say("page.effects_heads"), rows)}<div class="pair">${picture}<div>${terms(f)}</div></div>`,
  );
}

function agreement({ agreement: a }) {
  if (!(a.both + a.ppo + a.dppo)) return say("page.silent");
  const [both, ppo, dppo] = a.probability.map((p) =>
    p === null ? "" : say("page.likely", { probability: number(p) }),
  );
  return say("page.agreement", {
    both: tokens(a.both),
    both_likely: both,
    ppo: comma(a.ppo),
    ppo_likely: ppo,
    dppo: comma(a.dppo),
    dppo_likely: dppo,
  });
}

function terms(f) {
  const x = f.limits;
  const rows = [
    [say("page.term_silenced"), say("page.silenced")],
    [say("page.term_reweighed"), say("page.reweighed")],
    [say("page.term_turned"), say("page.turned")],
    [
      say("page.term_ppo", { low: general(1 - x.eps_low, 4), high: general(1 + x.eps_high, 4) }),
      say("page.ppo_window"),
    ],
    [say("page.term_tis", { cap: general(x.cap) }), say(f.anchor === "logp_old" ? "page.tis_old" : "page.tis_none")],
    [say("page.term_dppo", { tv: general(x.delta_tv), kl: general(x.delta_kl) }), say("page.dppo_region")],
    [say("page.term_quatro", { delta: general(x.delta_quatro) }), say("page.quatro", { duals: f.duals })],
  ];
  return `<dl class="terms">${rows.map(([a, b]) => `<dt>${a}</dt><dd>${b}</dd>`).join("")}</dl>`;
}

function which(f) {
  const rows = f.classes.map((c) => [
    className(c),
    comma(c.count),
    ...KEYS.map((key) => comma(c.silenced[key])),
    number(c.tv),
  ]);
  const text = table(say("page.class_caption"), say("page.class_heads"), rows);
  if (f.words === null || !f.words.length)
    return section("page.which_heading", text + say(f.words ? "page.no_tokens" : "page.no_text"));
  const words = f.words.map((w) => [
    token(w.text),
    comma(w.count),
    ...KEYS.map((key) => comma(w.silenced[key])),
    comma(w.turned),
    number(w.probability),
    number(w.ratio[0]),
    number(w.ratio[1]),
  ]);
  return section("page.which_heading", text + table(say("page.token_caption"), say("page.token_heads"), words));
}

function context(f) {
  if (!f.examples.length) return "";
  const legend = ["ppo", "dppo", "both"]
    .map((name) => `<li><mark class="m-${name}">${say(`page.mark_${name}`)}</mark></li>`)
    .join("");
  return section("page.context_heading", `<ul class="legend">${legend}</ul>${f.examples.map(example).join("")}`);
}

function example(e) {
  const silenced = e.context.find((x) => x.own),
    prompt = e.prompt === null ? "" : say("page.prompt", { prompt: token(e.prompt) });
  const [before, after] = e.cut.map((cut) => (cut ? "… " : ""));
  const text = say("page.example", {
    completion: e.completion,
    position: e.position,
    before: number(e.before),
    after: number(e.after),
    ratio: number(e.before ? e.after / e.before : Infinity),
    advantage: (e.advantage < 0 ? "" : "+") + general(e.advantage, 3),
    quatro: say(e.turned ? "page.turns" : "page.turns_not"),
  });
  return (
    `<article class="example"><h3>${say(`page.example_${e.kind}`)} ${token(silenced.text)}</h3>${prompt}` +
    `<p class="context">${before}${e.context.map(word).join("")} ${after}</p><p>${text}</p></article>\n`
  );
}

function word(x) {
  const text = escape(visible(x.text)).replaceAll("↵", "↵\n") || "∅",
    own = x.own ? " own" : "";
  if (x.mark && x.mark !== "masked") return `<mark class="m-${x.mark}${own}">${text}</mark>`;
  return x.mark || own ? `<span class="${x.mark}${own}">${text}</span>` : `<span>${text}</span>`;
}

function made(f) {
  const unread = f.unread.length
    ? say("page.unread", { names: f.unread.map((name) => `<code>${escape(visible(name))}</code>`).join(", ") })
    : "";
  const pairs = f.recognised.map(([ours, theirs]) => `<code>${escape(visible(theirs))}</code> as ${ours}`).join(", ");
  return say("page.made", {
    layout: say(`page.layout_${f.layout}`),
    unread: (pairs ? say("page.recognised", { names: pairs }) : "") + unread,
  });
}

const method = (e) =>
  e.name +
  say("page.around", {
    anchor: e.anchor === "logp_rollout" ? "μ" : OLD,
    derived: e.key === "quatro" ? say("page.derived") : "",
  });

/* -- figures -------------------------------------------------------------------------------------------------------- */

const WIDTH = 360,
  LEFT = 40,
  RIGHT = 8,
  TOP = 10,
  BOTTOM = 38,
  EDGE = 1e-6;
const SHAPES = {
  kept: '<circle class="dot" r="2.2" />',
  ppo: '<path class="by-ppo" d="M0 -4.4L4 2.8H-4Z" />',
  dppo: '<rect class="by-dppo" x="-3.2" y="-3.2" width="6.4" height="6.4" />',
  both: '<path class="by-both" d="M0 -4.8L4.8 0L0 4.8L-4.8 0Z" />',
};
const glyph = (name) => `<svg class="glyph" viewBox="-6 -6 12 12" aria-hidden="true">${SHAPES[name]}</svg>`;
const one = (value) => fixed(value, 1);
const linear = (low, high, start, end) => (value) => start + ((value - low) / (high - low)) * (end - start);
const svg = (height, parts, label) =>
  `<svg class="chart" viewBox="0 0 ${WIDTH} ${fixed(height, 0)}" role="img" aria-label="${escape(label)}">${parts.join("")}</svg>`;
const line = (x1, y1, x2, y2, name) =>
  `<line class="${name}" x1="${one(x1)}" y1="${one(y1)}" x2="${one(x2)}" y2="${one(y2)}" />`;
const lowered = (text) =>
  text.replaceAll("π_old", 'π<tspan dy="2" font-size="8">old</tspan><tspan dy="-2">\u200b</tspan>');
const label = (x, y, text, anchor) =>
  `<text class="label" x="${one(x)}" y="${one(y)}" text-anchor="${anchor}">${lowered(escape(text))}</text>`;
const logit = (p) => Math.log(p / (1 - p));

function ratios(f) {
  const h = f.histogram,
    height = 230,
    floor = height - BOTTOM,
    x = linear(-h.reach, h.reach, LEFT, WIDTH - RIGHT);
  const most = Math.max(...h.kept, ...h.silenced, 1),
    y = linear(0, Math.log10(most) + 1, floor, TOP);
  const low = 1 - f.limits.eps_low,
    high = 1 + f.limits.eps_high;
  const left = low > 0 ? x(Math.max(-h.reach, Math.log2(low))) : x(-h.reach),
    right = x(Math.min(h.reach, Math.log2(high)));
  const parts = [
    `<rect class="window" x="${one(left)}" y="${TOP}" width="${one(right - left)}" height="${floor - TOP}" />`,
  ];
  for (let k = 0; k <= Math.floor(Math.log10(most)); k++) {
    parts.push(
      line(LEFT, y(k + 1), WIDTH - RIGHT, y(k + 1), "grid"),
      label(LEFT - 5, y(k + 1) + 4, comma(10 ** k), "end"),
    );
  }
  const edges = linspace(-h.reach, h.reach, h.kept.length + 1);
  for (const [name, counts, inset] of [
    ["bar", h.kept, 0.4],
    ["bar-cut", h.silenced, 1.6],
  ]) {
    counts.forEach((count, i) => {
      if (!count) return;
      const a = x(edges[i]),
        b = x(edges[i + 1]),
        top = y(Math.log10(count) + 1);
      parts.push(
        `<rect class="${name}" x="${one(a + inset)}" y="${one(top)}" width="${one(b - a - 2 * inset)}" height="${one(floor - top)}" />`,
      );
    });
  }
  for (const at of [-1, -0.5, 0, 0.5, 1]) {
    parts.push(
      label(
        x(at * h.reach),
        floor + 15,
        factor(2 ** (at * h.reach)),
        at === -1 ? "start" : at === 1 ? "end" : "middle",
      ),
    );
  }
  parts.push(
    ...[left, right].map((at) => line(at, TOP, at, floor, "clip-line")),
    line(LEFT, floor, WIDTH - RIGHT, floor, "axis"),
    label((LEFT + WIDTH - RIGHT) / 2, height - 5, say("figure.ratio_axis"), "middle"),
  );
  const { quantiles: q } = f.spreads.find((row) => row.key === (f.anchor === "logp_rollout" ? "whole" : "staleness"));
  return svg(
    height,
    parts,
    say("figure.ratios", {
      tokens: comma(f.tokens),
      low: general(q[2], 3),
      high: general(q[4], 3),
      window_low: general(low, 4),
      window_high: general(high, 4),
      silenced: comma(f.effects[0].silenced),
    }),
  );
}

function plane(f) {
  const height = WIDTH - LEFT - RIGHT + TOP + BOTTOM,
    points = f.points;
  const least = points.reduce(
    (all, p) => Math.min(all, p.before, 1 - p.before, p.after, 1 - p.after),
    points.length ? Infinity : 0.5,
  );
  const edge = 10 ** Math.floor(Math.log10(Math.min(1e-3, Math.max(EDGE, least)))),
    far = logit(1 - edge);
  const x = linear(-far, far, LEFT, WIDTH - RIGHT),
    y = linear(-far, far, height - BOTTOM, TOP),
    parts = [];
  for (const value of ticks(edge)) {
    const at = logit(value),
      name = general(value).replaceAll("e-0", "e-");
    parts.push(
      line(x(at), TOP, x(at), height - BOTTOM, "grid"),
      line(LEFT, y(at), WIDTH - RIGHT, y(at), "grid"),
      label(LEFT - 5, y(at) + 4, name, "end"),
      label(x(at), height - BOTTOM + 15, name, "middle"),
    );
  }
  const grid = Array.from(linspace(-far, far, 160), (z) => 1 / (1 + Math.exp(-z))),
    { limits } = f;
  const curve = (after, name) => {
    const places = grid.flatMap((a, i) =>
      after[i] > edge && after[i] < 1 - edge ? [`${one(x(logit(a)))} ${one(y(logit(after[i])))}`] : [],
    );
    return places.length > 1 ? `<path class="${name}" d="M${places.join("L")}" />` : "";
  };
  parts.push(curve(grid, "diagonal"));
  for (const bound of [1 - limits.eps_low, 1 + limits.eps_high])
    parts.push(
      curve(
        grid.map((a) => a * bound),
        "clip-line",
      ),
    );
  for (const shift of [-limits.delta_tv, limits.delta_tv])
    parts.push(
      curve(
        grid.map((a) => a + shift),
        "tv-line",
      ),
    );
  const kindOf = (p) => (p.ppo ? (p.dppo ? "both" : "ppo") : p.dppo ? "dppo" : "kept"),
    counts = { kept: 0, ppo: 0, dppo: 0, both: 0 };
  for (const name of Object.keys(counts)) {
    for (const p of points) {
      if (kindOf(p) !== name) continue;
      counts[name] += 1;
      const [across, up] = [p.before, p.after].map((v) => logit(clamp(v, edge, 1 - edge)));
      parts.push(`<g transform="translate(${one(x(across))} ${one(y(up))})">${SHAPES[name]}</g>`);
    }
  }
  parts.push(
    label((LEFT + WIDTH - RIGHT) / 2, height - 5, say("figure.before_axis"), "middle"),
    `<text class="label" text-anchor="middle" transform="translate(9 ${fixed(height / 2 - 12, 0)}) rotate(-90)">${say("figure.after_axis")}</text>`,
  );
  return svg(
    height,
    parts,
    say("figure.plane", { count: comma(points.length), tv: general(limits.delta_tv), ...counts }),
  );
}

function classes(rows, ratio) {
  const left = 92,
    gap = 26,
    height = TOP + gap * rows.length + BOTTOM,
    bits = (v) => Math.log2(Math.max(v, 1e-9));
  const wanted = Math.max(...rows.flatMap((row) => row.ratio.map((v) => Math.abs(bits(v)))));
  const reach = [0.05, 0.1, 0.25, 0.5, 1, 2, 4, 8].find((r) => r >= wanted) ?? 16,
    x = linear(-reach, reach, left, WIDTH - RIGHT - 6);
  const floor = height - BOTTOM,
    parts = [];
  for (const at of [-reach, -reach / 2, 0, reach / 2, reach]) {
    parts.push(
      line(x(at), TOP, x(at), floor, at === 0 ? "axis" : "grid"),
      label(x(at), floor + 15, factor(2 ** at), "middle"),
    );
  }
  rows.forEach((row, i) => {
    const at = TOP + gap * (i + 0.5),
      [low, middle, high] = row.ratio.map((v) => x(clamp(bits(v), -reach, reach)));
    parts.push(
      label(left - 8, at + 4, className(row), "end"),
      `<line class="spread" x1="${one(low)}" y1="${one(at)}" x2="${one(high)}" y2="${one(at)}" />`,
      `<circle class="median" cx="${one(middle)}" cy="${one(at)}" r="4" />`,
    );
  });
  parts.push(label((left + WIDTH - RIGHT) / 2, height - 5, say("figure.class_axis", { ratio }), "middle"));
  const width = (row) => bits(row.ratio[2]) - bits(row.ratio[0]),
    worst = rows.reduce((a, b) => (width(b) > width(a) ? b : a));
  return svg(
    height,
    parts,
    say("figure.classes", {
      count: rows.length,
      ratio,
      widest: className(worst),
      low: general(worst.ratio[0], 3),
      high: general(worst.ratio[2], 3),
    }),
  );
}

const className = (row) =>
  row.low === 0
    ? say("figure.below", { high: general(row.high) })
    : say("figure.from", { low: general(row.low), high: general(row.high) });

function meter(value, name) {
  return (
    `<span class="meter">${percent(value)}<svg viewBox="0 0 40 8" aria-hidden="true"><rect class="track" width="40" height="8" rx="1" />` +
    `<rect class="${name}" width="${one(40 * value)}" height="8" rx="1" /></svg></span>`
  );
}

function ticks(edge) {
  const few = [0.01, 0.1, 0.5, 0.9, 0.99];
  if (edge >= 1e-3) return few;
  return edge >= 1e-5 ? [1e-4, ...few, 0.9999] : [1e-5, 1e-3, 0.1, 0.5, 0.9, 0.999];
}

/* A power of two as a ratio is read: 1/16, 0.71, 16. */
function factor(value) {
  const whole = value >= 1 ? value : 1 / value;
  if (whole < 2 || whole % 1) return general(value, value < 1 ? 2 : 3);
  return value >= 1 ? comma(fixed(whole, 0)) : `1/${comma(fixed(whole, 0))}`;
}
