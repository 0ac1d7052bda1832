/* The page of a diagnosis: `trcheck.diagnose.page`, `parts` and `figures` in JavaScript, to the letter. */

import { comma, escape, fixed, general, number, percent, say, visible } from "./format.js";
import { linspace } from "./numbers.js";
import { clamp } from "../maths/plain.js";
import shared from "./shared.json" with { type: "json" };

const OLD = "π<sub>old</sub>";

/* The page as one file that needs nothing but itself. */
export const page = (f) =>
  say("page.document", {
    f,
    generator: shared.generator,
    policy: `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${shared.digest}'`,
    style: shared.css,
    verdict: say("page.verdict", { j: f, causes: causesOf(f), mark: markOf(f) }),
    body: body(f),
    version: "",
    script: shared.script,
  });

export const markOf = (f) => ({ healthy: "✓", found: "✗", unusual: "!", unclear: "?" })[f.verdict];
export const causesOf = (f) => f.causes.map((cause) => cause.name).join(" ");

/* Everything below the verdict. */
export const body = (f) =>
  [lead, glance, causes, answer, spread, mismatch, effective, effects, which, context, made]
    .map((part) => part(f))
    .join("");

/* -- parts ---------------------------------------------------------------------------------------------------------- */

const section = (name, text) => `<section><h2>${say(`page.${name}_heading`)}</h2>\n${text}</section>\n`;
const figure = (svg, caption, legend = "") =>
  `<figure>${svg}${legend && `<ul class="legend">${legend}</ul>`}<figcaption>${caption}</figcaption></figure>`;
const list = (reasons) =>
  reasons.length ? `<ul>${reasons.map((reason) => `<li>${escape(reason)}</li>`).join("")}</ul>` : "";

/* The cells of a row have ¦ between them; the first names it. */
function table(name, rows, values = {}) {
  const caption = say(`page.${name}_caption`, values),
    plain = caption.replace(/<[^>]*>/g, ""),
    heads = say(`page.${name}_heads`).split("¦");
  const cells = (row) =>
    row
      .split("¦")
      .slice(1)
      .map((cell) => `<td>${cell}</td>`)
      .join("");
  return (
    `<p class="caption">${caption}</p><div class="scroll" tabindex="0" role="region" aria-label="${plain}">` +
    `<table aria-label="${plain}"><thead><tr>${heads.map((cell) => `<th scope="col">${cell}</th>`).join("")}</tr></thead>` +
    `<tbody>${rows.map((row) => `<tr><th scope="row">${row.split("¦")[0]}</th>${cells(row)}</tr>`).join("")}</tbody></table></div>`
  );
}

/* -- sections ------------------------------------------------------------------------------------------------------- */

function lead(f) {
  const count = f.positions - f.tokens;
  return say("page.lead", {
    f,
    prompts: f.prompts === null ? "" : say("page.prompts", { f }),
    masked: count ? say("page.masked", { count }) : "",
  });
}

function glance(f) {
  const { quantiles } = f.spreads[0],
    up = quantiles.at(-1),
    down = quantiles[0] ? 1 / quantiles[0] : Infinity;
  return say("page.glance", { f, farthest: up >= down ? number(up) : `1/${number(down)}` });
}

const answer = (f) => section("clip", `<p class="answer">${escape(f.answer.verdict)}</p>${list(f.answer.reasons)}`);

function causes(f) {
  let text = `<ul class="causes">${f.causes.map((cause) => say("page.cause", { cause })).join("")}</ul>`;
  if (f.verdict !== "found") text = say(`page.${f.verdict}`, { j: f });
  if (f.seen.length) text += say("page.seen", { list: list(f.seen) });
  return section("causes", text + (f.unseen.length ? say("page.unseen", { list: list(f.unseen) }) : ""));
}

function spread(f) {
  const old = f.anchor === "logp_old",
    picture = figure(ratios(f), say("page.histogram", { anchor: old ? OLD : "μ" })),
    rows = f.spreads.map((s) => say("page.quantile_row", { name: say(`page.${s.key}`), s }));
  const text = say("page.spread", { split: old ? "" : say("page.split") });
  return section("spread", text + picture + table("quantile", rows));
}

function mismatch(f) {
  const x = f.spreads.find((row) => row.key === "mismatch"),
    ratio = x ? "π_old/μ" : "π/μ";
  if (x?.one === 1) return section("mismatch", say("page.equal"));
  const picture = figure(classes(f.classes, ratio), say("page.classes", { ratio: ratio.replaceAll("π_old", OLD) })),
    text = x ? say("page.before", { f, x }) : say("page.mixed");
  return section("mismatch", text + scale(f) + picture + logged(f));
}

function scale(f) {
  const { rows, model, command } = shared.scale,
    here = { row: f.scale, name: `<strong>${say("page.scale_here")}</strong>` };
  const every = [...rows.map((row) => ({ row, name: say(`scale.${row.key}`) })), here].sort(
    (a, b) => a.row.deviation - b.row.deviation,
  );
  const cells = every.map((each) => say("page.scale_row", each));
  return `<p>${escape(f.scale.text)}</p>${table("scale", cells, { model, tokens: rows[0].tokens, command })}`;
}

function logged(f) {
  const rows = f.logged.map((row) => say("page.logged_row", { name: say(`page.${row.how}`, { f }), row }));
  return say("page.logged") + table("logged", rows);
}

const effective = (f) => section("effective", say("page.effective", { f }));

function effects(f) {
  const old = f.anchor === "logp_old",
    count = f.points.length,
    some = say(count === f.tokens ? "page.all_tokens" : "page.some_tokens", { f, count });
  const caption = say("page.plane", { f, some, around: old ? say("page.around_mu") : "" }),
    legend = say("page.legend", Object.fromEntries(Object.keys(SHAPES).map((kind) => [kind, glyph(kind)])));
  const terms = say("page.terms", {
    f,
    low: 1 - f.limits.eps_low,
    high: 1 + f.limits.eps_high,
    tis: say(old ? "page.tis_old" : "page.tis_none"),
  });
  const pair = `<div class="pair">${figure(plane(f), caption, legend)}<div>${terms}</div></div>`;
  return section("effects", agreement(f) + table("effects", f.effects.map(method)) + pair);
}

const method = (e) =>
  say(e.key === "quatro" ? "page.quatro_row" : "page.effects_row", {
    e,
    anchor: e.anchor === "logp_rollout" ? "μ" : OLD,
    meter: meter(e.share, e.key === "ppo" || e.key === "tis" ? "bar-cut" : "bar"),
  });

function agreement(f) {
  const { both, ppo, dppo, probability } = f.agreement;
  if (!(both + ppo + dppo)) return say("page.silent");
  const likely = probability.map((p) => (p === null ? "" : say("page.likely", { probability: p })));
  return say("page.agreement", { f, both_likely: likely[0], ppo_likely: likely[1], dppo_likely: likely[2] });
}

function which(f) {
  const rows = f.classes.map((c) => say("page.class_row", { name: className(c), c })),
    words = f.words?.length
      ? table(
          "token",
          f.words.map((w) => say("page.token_row", { w })),
        )
      : say(f.words ? "page.no_tokens" : "page.no_text");
  return section("which", table("class", rows) + words);
}

const context = (f) =>
  f.examples.length ? section("context", say("page.context_legend") + f.examples.map(example).join("")) : "";

function example(e) {
  const [before, after] = e.cut.map((cut) => (cut ? "… " : ""));
  return say("page.example", {
    e,
    kind: say(`page.example_${e.kind}`),
    own: e.context.find((x) => x.own),
    prompt: e.prompt === null ? "" : say("page.prompt", { e }),
    before,
    words: e.context.map(word).join(""),
    after,
    ratio: e.before ? e.after / e.before : Infinity,
    quatro: say(e.turned ? "page.turns" : "page.turns_not"),
  });
}

function word(x) {
  const text = escape(visible(x.text)).replaceAll("↵", "↵\n") || "∅",
    own = x.own ? " own" : "";
  if (x.mark && x.mark !== "masked") return `<mark class="m-${x.mark}${own}">${text}</mark>`;
  return x.mark || own ? `<span class="${x.mark}${own}">${text}</span>` : `<span>${text}</span>`;
}

function made(f) {
  const pairs = f.recognised.map(([ours, theirs]) => say("page.pair", { ours, theirs })).join(", "),
    names = f.unread.map((name) => say("page.column", { name })).join(", ");
  return say("page.made", {
    layout: say(`page.layout_${f.layout}`),
    unread: (pairs && say("page.recognised", { names: pairs })) + (names && say("page.unread", { names })),
  });
}

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
  return svg(height, parts, say("figure.ratios", { f, low: q[2], high: q[4], window_low: low, window_high: high }));
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
  return svg(height, parts, say("figure.plane", { f, count: points.length, ...counts }));
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
  const values = { count: rows.length, ratio, widest: className(worst), row: worst };
  return svg(height, parts, say("figure.classes", values));
}

const className = (row) => say(row.low === 0 ? "figure.below" : "figure.from", { row });

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
