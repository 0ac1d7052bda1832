/* A formula drawn: its weight over the ratio for both signs of the advantage, and the plane of probabilities (q when
   the token was sampled, p now) for each sign: where its weight has the sign of A, where it is 0, where it pulls back. */

import { clamp, drawing, h, inTurns, linearScale, logit, logitScale, say } from "../parts/common.js";
import { pictured } from "../../engine/js/own.js";
import { RATIOS, curve, reading } from "./words.js";

const HEIGHT = 140,
  CELLS = 26,
  LEAST = 0.002,
  MOST = 0.998,
  TICKS = [0.01, 0.5, 0.99];
const CURVE = { left: 30, right: 8, top: 24, bottom: 38 },
  MAP = { left: 34, right: 8, top: 22, bottom: 40 };
const BESIDE = 860,
  WIDEST = 460,
  LEAST_MAP = 160; // pixels from which both drawings stand beside each other, the most of one, and the least of a map
/** @type {[number, string][]} */
const SIGNS = [
  [1, "A = +1"],
  [-1, "A = −1"],
];
const STRONG = [0.25, 0.75, Infinity]; // shades of a weight, by its size

export function picture() {
  const first = drawing(),
    second = drawing(),
    weights = first.panel(),
    planes = SIGNS.map(() => second.panel());
  const one = weights.clipped.append("line").attr("class", "fm-zero"),
    lines = SIGNS.map(([A]) => weights.clipped.append("path").attr("class", A > 0 ? "fm-up" : "fm-down"));
  const cells = planes.map(({ inside }) =>
    Object.fromEntries(
      ["weak", "middle", "strong", "back", "silent"].map((name) => [
        name,
        inside.append("path").attr("class", `fm-${name}`),
      ]),
    ),
  );
  const marks = planes.map(({ inside }) => inside.append("line").attr("class", "fm-same"));
  const words = h("p", { class: "fm-reading" }),
    axed = [];
  const el = h(
    "div",
    { class: "fm-picture" },
    h(
      "p",
      { class: "fm-key" },
      h("span", { class: "fm-key-up", text: "A = +1" }),
      h("span", { class: "fm-key-down", text: "A = −1" }),
      h("span", { text: "w over the ratio r, for a token of q = 0.3" }),
    ),
    h("div", { class: "fm-drawn" }, first.node, second.node),
    h(
      "p",
      { class: "fm-key" },
      h("span", { class: "fm-key-push", text: "sign of A" }),
      h("span", { class: "fm-key-silent", text: "zero" }),
      h("span", { class: "fm-key-back", text: "opposite sign" }),
    ),
    words,
  );
  const take = inTurns();
  let width = 0,
    asked = null,
    drawn = "";
  new ResizeObserver(() => {
    // of a fold that is closed it is 0
    width = el.clientWidth;
    if (asked) draw(asked);
  }).observe(el);

  /* Curves, words and each plane in a task of their own. */
  function draw(given) {
    asked = given;
    const now = JSON.stringify([given.formula, given.constants, width]);
    if (!width || now === drawn) return;
    drawn = now;
    const weight = pictured(given),
      each = Math.min(width >= BESIDE ? Math.floor(width / 2) : width, WIDEST);
    take([
      () => curves(weight, each),
      () => say(words, reading(weight, Q)),
      ...SIGNS.map((_, i) => () => map(weight, each, i)),
    ]);
  }

  function curves(weight, width) {
    const points = SIGNS.map(([A]) => curve(weight, A, Q)),
      sizes = points
        .flat()
        .map(({ w }) => Math.abs(w))
        .filter(Number.isFinite);
    const end = Math.max(1.2, Math.min(4, Math.max(...sizes) * 1.08)),
      size = weights.place({ width, height: HEIGHT, margin: CURVE });
    first.size(width, HEIGHT);
    const x = linearScale([0, RATIOS[1]], [0, size.width], 3),
      y = linearScale([-end, end], [size.height, 0], 4);
    weights.scales(x, y);
    weights.titles("ratio r", "weight w");
    one.attr("x1", 0).attr("x2", size.width).attr("y1", y(0)).attr("y2", y(0));
    SIGNS.forEach((_, i) => lines[i].attr("d", path(points[i], x, y)));
  }

  function map(weight, width, i) {
    const sides = MAP.left + MAP.right,
      beside = width >= 2 * (LEAST_MAP + sides),
      half = beside ? Math.floor(width / 2) : Math.min(width, LEAST_MAP + 60 + sides);
    const height = half - sides + MAP.top + MAP.bottom;
    second.size(width, beside ? height : 2 * height);
    const plane = planes[i],
      size = plane.place({
        left: beside ? i * half : 0,
        top: beside ? 0 : i * height,
        width: half,
        height,
        margin: MAP,
      }),
      [A, title] = SIGNS[i];
    if (axed[i] !== width) {
      axed[i] = width;
      plane.scales(
        logitScale([LEAST, MOST], [0, size.width], TICKS),
        logitScale([LEAST, MOST], [size.height, 0], TICKS),
      );
      plane.titles("q, when sampled", `p now, ${title}`);
      marks[i].attr("x1", 0).attr("y1", size.height).attr("x2", size.width).attr("y2", 0);
    }
    const made = squares(weight, A, size);
    for (const [name, path_] of Object.entries(cells[i])) path_.attr("d", made[name]);
  }
  return { el, draw };
}

const FAR = 1e4; // pixels: what lies further out is drawn there
const Q = 0.3; // of the token whose curve is drawn

/* A line with gaps where it jumps to 0 or has no number. */
function path(points, x, y) {
  let d = "",
    before = null;
  for (const { r, w } of points) {
    if (!Number.isFinite(w)) {
      before = null;
      continue;
    }
    const jump = before !== null && (before === 0) !== (w === 0) && Math.abs(before - w) > 0.05;
    d += `${before === null || jump ? "M" : "L"}${x(r).toFixed(1)},${clamp(y(w), -FAR, FAR).toFixed(1)}`;
    before = w;
  }
  return d;
}

/* The plane in cells, by what the weight does in the middle of each. */
function squares(weight, A, { width, height }) {
  const d = { weak: "", middle: "", strong: "", back: "", silent: "" },
    wide = width / CELLS,
    high = height / CELLS;
  const middle = (k) => 1 / (1 + Math.exp(-(logit(LEAST) + ((k + 0.5) / CELLS) * (logit(MOST) - logit(LEAST)))));
  for (let i = 0; i < CELLS; i++) {
    for (let j = 0; j < CELLS; j++) {
      const w = weight(A, middle(i), middle(j)),
        x = i * wide,
        y = height - (j + 1) * high;
      if (!Number.isFinite(w)) continue;
      if (w === 0) d.silent += `M${(x + wide / 2).toFixed(1)},${(y + high / 2).toFixed(1)}h.01`;
      else if (w * A < 0)
        d.back += `M${x.toFixed(1)},${(y + high).toFixed(1)}l${wide.toFixed(1)},${(-high).toFixed(1)}`;
      else
        d[["weak", "middle", "strong"][STRONG.findIndex((size) => Math.abs(w) <= size)] ?? "strong"] +=
          `M${x.toFixed(1)},${y.toFixed(1)}h${wide.toFixed(1)}v${high.toFixed(1)}h${(-wide).toFixed(1)}z`;
    }
  }
  return d;
}
