/* The chart of the front page: each lane's median run in the band of all of them, and the reader's own. */

import { area, line } from "d3-shape";
import { apart, drawing, join, linearScale, logScale } from "../parts/common.js";

const APART = 15, // two names
  MARGIN = { left: 40, top: 26, bottom: 44 };
export const GOAL = 0.8;

export function chart() {
  const picture = drawing(),
    panel = picture.panel(),
    bands = panel.clipped.append("g"),
    lines = panel.clipped.append("g"),
    goal = panel.inside.append("path").attr("class", "goal"),
    rule = panel.inside.append("path").attr("class", "rule"),
    marks = panel.inside.append("g"),
    names = panel.inside.append("g");
  let axes = "",
    at = null;

  /* lanes: [{ key, name, hue, dash, all, middle, faint }]; axis: batches or completions; one: batch pointed at. */
  function draw({ width, height, axis, batches, completions, lanes, needs, one }) {
    const room = Math.min(150, 12 + 7.4 * Math.max(...lanes.map(({ name }) => name.length))),
      narrow = width < 520,
      size = panel.place({ width, height, margin: { ...MARGIN, right: narrow ? 12 : room } }),
      many = axis === "completions",
      x = many
        ? logScale([completions, completions * batches], [0, size.width])
        : linearScale([0, batches], [0, size.width], narrow ? 3 : 6),
      across = (i) => x(many ? i * completions : i),
      y = linearScale([0, 1], [size.height, 0], 5),
      key = `${width} ${height} ${axis} ${room}`;
    picture.size(width, height);
    if (many) thousands(x);
    if (key !== axes) {
      panel.scales(x, y);
      panel.titles(
        many
          ? `completions${narrow ? "" : " that it has learned from"} (each step twice as many)`
          : "batches that it has learned from",
        narrow ? "share of right answers" : "share of right answers, by epochs per batch",
      );
      axes = key;
    }
    const from = many ? 1 : 0,
      seen = lanes.filter(({ middle }) => middle.length > 1),
      stroke = line()
        .digits(1)
        .x(([i]) => across(i))
        .y(([, value]) => y(value)),
      spread = area()
        .digits(1)
        .x(([i]) => across(i))
        .y0(([, low]) => y(low))
        .y1(([, , high]) => y(high));
    join(
      bands,
      "path.band",
      seen.filter(({ all }) => all),
      {
        key: (lane) => lane.key,
        style: { fill: ({ hue }) => hue },
        d: ({ all }) => spread(all[0].map((_, i) => [i, ...ends(all.map((row) => row[i]))]).slice(from)),
      },
    );
    join(lines, "path.line", seen, {
      key: (lane) => lane.key,
      style: { stroke: ({ hue }) => hue, opacity: ({ faint }) => (faint ? 0.45 : null) },
      "stroke-dasharray": ({ dash }) => dash || null,
      "data-lane": (lane) => lane.key,
      d: ({ middle }) => stroke(middle.map((value, i) => [i, value]).slice(from)),
    });
    const named = seen.map((lane) => ({ ...lane, left: across(lane.middle.length - 1), top: y(lane.middle.at(-1)) }));
    join(names, "text.name", placed(named, size, narrow), {
      key: (lane) => lane.key,
      x: ({ left }) => left,
      y: ({ y }) => y,
      "text-anchor": ({ anchor }) => anchor,
      style: { fill: ({ hue }) => hue },
      text: ({ name }) => name,
    });
    const needed = many ? needs.filter(({ count }) => Number.isFinite(count)) : [];
    goal.attr("d", needed.length ? `M0,${y(GOAL)}H${size.width}` : null);
    join(marks, "circle.reached", needed, {
      key: (lane) => lane.key,
      r: 5,
      cx: ({ count }) => x(Math.max(count, completions)),
      cy: y(GOAL),
      style: { fill: ({ hue }) => hue },
    });
    join(marks, "text.count", needed, {
      key: (lane) => lane.key,
      x: ({ count }) => x(Math.max(count, completions)) + 8,
      y: y(GOAL) + 18,
      style: { fill: ({ hue }) => hue },
      text: ({ count, key: lane }) => (lane === "reuse" ? "" : thousand(count)),
    });
    at = { x, across, size };
    const shown = one !== null && seen.length;
    rule.attr("d", shown ? `M${across(Math.max(one, from)).toFixed(1)},0V${size.height}` : null);
  }

  return {
    node: picture.node,
    draw,
    /* The batch at a place of the screen; null: beside the chart. */
    batchAt(clientX, most) {
      if (!at) return null;
      const x = clientX - picture.node.getBoundingClientRect().left - at.size.left;
      let best = 0;
      for (let i = 0; i <= most; i++) if (Math.abs(at.across(i) - x) < Math.abs(at.across(best) - x)) best = i;
      return best;
    },
  };
}

const ends = (values) => [Math.min(...values), Math.max(...values)];

/* Ticks of completions as they are read. */
function thousands(x) {
  const values = [128, 256, 512, 1024, 2048, 3840];
  x.ticks = () => values;
  x.tickFormat = () => thousand;
}
export const thousand = (count) => (count < 1000 ? String(count) : String(count).replace(/(\d{3})$/, "\u202f$1"));

/* Pixels that a name may take. */
const LONGEST = 120;

/* Names beside the ends of their lines; on a narrow chart above them, further in. None lies on another. */
function placed(ends, { width, height }, narrow) {
  const names = ends.map((one) => {
    const before = narrow && one.left > LONGEST;
    return {
      ...one,
      left: before ? Math.min(one.left, width) - 2 : one.left + 7,
      y: one.top + (narrow ? -8 : 4),
      anchor: before ? "end" : "start",
    };
  });
  return apart(names, APART, height - 4);
}
