/* Learning curves of all lanes: the reward, and in a figure of their own (`below`) four smaller ones. Each segment of a lane, its batches with one setting, is a line of its own with its own entry in the legend. Point at a
   batch, or walk through them with the arrow keys, and the legend reads it. */

import { clamp, drawing, h, linearScale, logScale, join } from "../../parts/common.js";
import { above, batchEnd, batchScale, hundredth, legend, paths, plot, short, stamped, widthOf } from "./shared.js";
import { readable, reading } from "../../parts/handling.js";
import { pathsOf, seriesOf } from "./series.js";

export const title = "Reward";
export const about = "";

const kept = (value) => (Number.isFinite(value) ? `${(100 * value).toFixed(0)} %` : "–");
const share = (low) => (range) => linearScale([low, 1], range, 4);
const upTo = (high) => (range) => linearScale([0, high], range, 4);

/* By key of a row: what stands above its panel, and its scale for what the lanes reach: [key, range -> scale]. */
const PANELS = {
  reward: {
    text: "reward: points are batches, lines means of ten",
    write: hundredth,
    scale: (_, most, low) =>
      most > 1 || low < 0
        ? [`${above(most)} ${low}`, (range) => linearScale([low, Math.max(1, above(most))], range, 4)]
        : ["", share(0)],
  },
  kl: {
    text: "KL, nats per token",
    brief: "KL",
    write: short,
    scale: (least, most) => {
      const low = Math.floor(Math.log10(Math.max(least, 1e-6))),
        high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(most, 1e-5))));
      return [`${low} ${high}`, (range) => logScale([10 ** low, 10 ** high], range)];
    },
  },
  kept: {
    text: "share of tokens kept",
    write: kept,
    scale: (least) => {
      const low = Math.min(0.9, Math.floor(10 * least) / 10 || 0);
      return [low, share(low)];
    },
  },
  entropy: { text: "entropy, nats per token", write: short, scale: (_, most) => [above(most), upTo(above(most))] },
  length: { text: "length, tokens", write: short, scale: (_, most) => [above(most), upTo(above(most))] },
};
/* In the place of the tokens kept, where a judge watches: they are all kept, or say less than the judge. */
const JUDGED = { text: "judge: share that is right", brief: "right", write: hundredth, scale: () => ["", share(0)] };
const KEYS = Object.keys(PANELS),
  EARLIER = 4; // segments of a lane in the legend, beside the present one and the one that is read
const TALL = [
    [380, 240],
    [0, 190],
  ],
  LOW = 150,
  ABREAST = 700; // heights by the least width, and the width from which the four stand abreast

export function create(root, { changed, below }) {
  const names = legend(),
    picture = drawing(),
    others = drawing();
  /** @type {any[]} */ const panels = KEYS.map((key) => {
    const panel = plot((key === "reward" ? picture : others).panel());
    return {
      key,
      panel,
      known: "",
      ghosts: paths(panel.clipped, "pv-ghost"),
      points: paths(panel.clipped, "pv-points"),
      lines: paths(panel.clipped, "pv-line"),
      marks: paths(panel.clipped, "pv-change"),
      values: panel.inside.append("text").attr("class", "pv-values").attr("x", -40).attr("y", -10),
      rule: panel.inside.append("path").attr("class", "pv-rule"),
    };
  });
  const plane = readable({ label: "Batch to read in the curves", last: 0, more: " pv-plane pv-read" }, picture.node);
  const beneath = h("div", { class: "plane pv-plane pv-read" }, others.node);
  root.append(names.el, plane);
  below.append(beneath);
  const across = widthOf(root, changed),
    under = widthOf(below, changed);
  let width = "",
    sizes = [],
    shown = [[], []],
    count = 0,
    at = null,
    told = false,
    judged = false;
  const of = (key) => (judged && key === "kept" ? "right" : key),
    how = (key) => (of(key) === "right" ? JUDGED : PANELS[key]);

  const place = () => {
    const [wide, all] = [across.now(), under.now()],
      [, tall] = TALL.find(([from]) => wide >= from),
      abreast = all >= ABREAST ? 4 : 2,
      each = Math.floor(all / abreast);
    width = `${wide} ${all}`;
    picture.size(wide, tall);
    others.size(all, (4 / abreast) * LOW);
    plane.style.height = `${tall}px`;
    beneath.style.height = `${(4 / abreast) * LOW}px`;
    sizes = panels.map(({ key, panel }, i) => {
      name(panel, key, true);
      if (!i) return panel.place({ width: wide, height: tall, margin: { top: 24, bottom: 40 } });
      const [left, top] = [((i - 1) % abreast) * each, Math.floor((i - 1) / abreast) * LOW];
      return panel.place({ left, top, width: each, height: LOW, margin: { top: 24 } });
    });
  };

  const name = (panel, key, on) => panel.titles(key === "reward" ? "batch" : "", on ? how(key).text : "");

  /* pinned: segments of earlier runs. */
  function draw(lanes, pinned = []) {
    shown = [lanes, pinned];
    if (!across.now()) return;
    const segments = [...pinned, ...lanes.flatMap((lane) => lane.segments)].filter(({ rows }) => rows.length);
    const watched = segments.some(({ rows }) => Number.isFinite(rows[0].right));
    if (watched !== judged || width !== `${across.now()} ${under.now()}`) {
      judged = watched;
      place();
    }
    const all = segments.map((segment) => ({ segment, series: seriesOf(segment.rows) }));
    count = Math.max(0, ...lanes.map((lane) => lane.count));
    const end = batchEnd(Math.max(1, ...segments.map(({ from, rows }) => from + rows.length)));
    // the smaller ones where the bench is open
    for (const [i, one] of panels.entries()) if (!i || under.now()) lay(one, sizes[i], all, end);
    read();
  }

  function lay(one, size, all, end) {
    const { key, panel, points, lines, ghosts, marks } = one,
      some = all.map(({ series }) => series.of[of(key)]);
    const least = Math.min(Infinity, ...some.map((each) => each.least)),
      most = Math.max(0, ...some.map((each) => each.most)),
      low = Math.floor(Math.min(0, ...some.map((each) => each.low)));
    const [ends, scale] = how(key).scale(least === Infinity ? 1 : least, most, low);
    const x = batchScale(end, size, size.width > 260),
      y = scale([size.height, 0]),
      known = `${of(key)} ${end} ${ends} ${width}`;
    panel.axes(known, x, y);
    Object.assign(one, { x });
    for (const { segment, series } of all) {
      const { key: id, colour, dash, ghost, from } = segment,
        path = pathsOf(series.of[of(key)], ghost ? "ghost" : "lane", known, x, y, end, from);
      if (ghost) stamped(ghosts.of(id), segment, { stroke: colour, d: path.line });
      else {
        const kind = segment.last ? "pv-line" : "pv-line pv-earlier",
          flag = `M${x(from).toFixed(1)},${size.height}V0h4l-4,6`;
        stamped(points.of(id), segment, { stroke: colour, d: path.points });
        stamped(lines.of(id), segment, { class: kind, stroke: colour, "stroke-dasharray": dash || null, d: path.line });
        if (from) stamped(marks.of(id), segment, { stroke: colour, fill: colour, d: flag });
      }
    }
    const here = all.filter(({ segment }) => !segment.ghost).map(({ segment }) => segment.key);
    for (const kind of [points, lines, marks]) kind.keep(here);
    ghosts.keep(all.filter(({ segment }) => segment.ghost).map(({ segment }) => segment.key));
  }

  /* The legend: every segment at its newest batch, or at the one that is pointed at. */
  function read() {
    const [lanes, pinned] = shown,
      k = at === null ? null : clamp(at, 0, Math.max(0, count - 1)),
      some = count > 0;
    const recorded = pinned.filter((one) => one.recorded),
      ghosts = pinned
        .filter((one) => one.ghost)
        .map((one) => ({ ...one, title: `${one.kind}: ${one.title}${one.date ? `, ${one.date}` : ""}`, dash: "1 3" }));
    const learning = lanes.flatMap((lane) => {
      const before = recorded.filter(({ name: of }) => of === lane.name);
      return before.length ? before : listed(lane, k);
    });
    names.show([...learning, ...ghosts], (segment) => brief(segment, k));
    for (const [i, { key, panel, rule, values, x }] of panels.entries()) {
      const on = some && k !== null && Boolean(x);
      if (on || told) rule.attr("d", on ? `M${x(k).toFixed(1)},0V${sizes[i].height}` : null);
      if (on || told) name(panel, key, !on);
      const texts = on
        ? [
            [key === "reward" ? `batch ${k + 1}: reward ` : `${how(key).brief ?? key} `, "var(--soft)"],
            ...lanes.map((lane) => [` ${how(key).write(rowOf(lane, k)?.[of(key)])}`, lane.colour]),
          ]
        : [];
      if (on || told) join(values, "tspan", texts, { fill: ([, colour]) => colour, text: ([text]) => text });
    }
    told = k !== null;
    plane.setAttribute("aria-valuemax", Math.max(0, count - 1));
    plane.setAttribute("aria-valuenow", some ? (k ?? count - 1) : 0);
    const standing = recorded.map((one) => `${one.title}, recorded: ${brief(one, null)}`).join("; ");
    if (!some) plane.setAttribute("aria-valuetext", standing || "no batch yet");
    else if (k !== null || !plane.matches(":focus"))
      plane.setAttribute(
        "aria-valuetext",
        `batch ${(k ?? count - 1) + 1}: ${lanes.map((lane) => words(lane, k ?? count - 1, of, how)).join("; ")}`,
      );
  }

  /* Which batch is pointed at, in the reward's panel or in one of those of the other figure. */
  const pointed = (event) => {
    const first = event.currentTarget === plane,
      box = (first ? picture : others).node.getBoundingClientRect(),
      x = event.clientX - box.left,
      down = event.clientY - box.top;
    const i = sizes.findIndex(
      ({ left, top, width: w, height }, k) =>
        first === (k === 0) && x >= left - 4 && x <= left + w + 4 && down >= top - 24 && down <= top + height + 24,
    );
    return i < 0 || !panels[i].x ? null : Math.round(panels[i].x.invert(x - sizes[i].left));
  };
  reading(plane, {
    beside: [beneath],
    page: 10,
    pointed,
    read: (batch) => {
      if (batch === at && at !== null) return;
      at = batch;
      read();
    },
    now: () => at,
    last: () => count - 1,
  });

  return {
    draw,
    sized: () => width !== "",
    free: () => {
      across.release();
      under.release();
    },
  };
}

const holds = ({ from, rows }, k) => k !== null && k >= from && k < from + rows.length;
const rowOf = ({ segments }, k) => {
  const one = segments.find((segment) => holds(segment, k));
  return one?.rows[k - one.from];
};

/* Of a lane that was set often the newest segments, and the one that is read. */
const listed = ({ segments }, k) =>
  segments.filter((segment, i) => i >= segments.length - 1 - EARLIER || holds(segment, k));

/* The mean reward of ten batches of a segment up to batch k, and its KL; null: its newest. */
function brief(segment, k) {
  const { from, rows, alone } = segment,
    upto = from + rows.length,
    span = !alone ? (rows.length > 1 ? `batches ${from + 1} to ${upto}` : `batch ${upto}`) : "";
  if (!rows.length) return from ? "no batch with these settings yet" : "no batch yet";
  if (k !== null && !holds(segment, k)) return span || `no batch ${k + 1}`;
  const i = k === null ? rows.length - 1 : k - from;
  return `${span ? `${span}: ` : ""}reward ${hundredth(seriesOf(rows).of.reward.smooth[i])}, KL ${short(rows[i].kl)}`;
}

function words(lane, k, of, how) {
  const segment = lane.segments.find((one) => holds(one, k)),
    row = rowOf(lane, k);
  return row
    ? `${segment.title}: ${KEYS.map((key) => `${how(key).brief ?? key} ${how(key).write(row[of(key)])}`).join(", ")}`
    : `${lane.title}: no batch ${k + 1}`;
}
