/* The three curves, full up to the batch that is read and faint beyond it; at the end the share of right answers to new
   sums, with its interval. */

import { drawable, drawing, join, linearScale, select, stroke } from "../parts/common.js";
import { placed } from "../front/chart.js";

const TOP = 0.8,
  ROOM = 164, // for the ends and their names; on a narrow board a name has two lines
  SMALL = 102,
  NARROW = 520,
  BESIDE = [10, 10, 17]; // pixels from the last batch to each end

export function board(looks) {
  const picture = drawing(),
    panel = picture.panel(),
    faint = panel.inside.append("g"),
    lines = panel.inside.append("g"),
    rule = panel.inside.append("path").attr("class", "rule"),
    ends = panel.inside.append("g"),
    dots = panel.inside.append("g"),
    names = panel.inside.append("g"),
    ring = picture.svg.append("circle").attr("class", "ring").attr("r", 7);
  let at = null;
  return {
    node: picture.node,
    height: (width) => (width < NARROW ? 210 : 220),
    place: () => at,
    draw({ batch }, reading, { width, height }, { lanes, each, tested }) {
      const narrow = width < NARROW,
        last = lanes[0].right.length,
        margin = { left: 34, top: 26, right: narrow ? SMALL : ROOM, bottom: 42 },
        size = panel.place({ width, height, margin }),
        every = size.width / last,
        x = drawable((batch) => batch * every, [0, size.width], marks(last, narrow ? 4 : 2), String),
        y = linearScale([0, TOP], [size.height, 0], 4);
      picture.size(width, height);
      panel.scales(x, y);
      panel.titles(
        "batches that it has learned from",
        narrow
          ? "share right in a batch; at the end, new sums"
          : `share right: of the ${each} answers of a batch; at the end, of ${tested} to new sums (95 % interval)`,
      );
      const seen = lanes.map(({ name, look, right, end }, i) => ({
        name,
        ...looks[look],
        end,
        beside: size.width + BESIDE[i],
        points: right.map((count, k) => [x(k), y(count / each)]),
      }));
      const dashed = { style: { stroke: ({ hue }) => hue }, "stroke-dasharray": ({ dash }) => dash || null };
      join(faint, "path.line", seen, { ...dashed, d: ({ points }) => stroke(points.slice(Math.min(batch, last - 1))) });
      join(lines, "path.line", seen, { ...dashed, d: ({ points }) => stroke(points.slice(0, batch + 1)) });
      join(ends, "path.interval", seen, {
        style: { stroke: ({ hue }) => hue },
        d: ({ beside, end: [, low, high] }) => `M${beside.toFixed(1)},${y(low).toFixed(1)}V${y(high).toFixed(1)}`,
      });
      join(ends, "circle.dot", seen, {
        r: 4,
        cx: ({ beside }) => beside,
        cy: ({ end }) => y(end[0]),
        style: { fill: ({ hue }) => hue },
      });
      ends.attr("opacity", batch === last ? null : 0.4);
      join(dots, "circle.dot", batch < last ? seen : [], {
        r: 4.5,
        cx: x(batch),
        cy: ({ points }) => points[batch][1],
        style: { fill: ({ hue }) => hue },
      });
      const named = placed(
        seen.map((lane) => ({ ...lane, left: size.width + 16, top: y(lane.end[0]) })),
        size,
        false,
      );
      join(names, "text.name", named, {
        x: ({ left }) => left,
        y: ({ high }) => high,
        style: { fill: ({ hue }) => hue },
        text: ({ name }) => name,
      });
      if (narrow) names.selectAll("text.name").call(folded);
      rule.attr("d", `M${x(batch).toFixed(1)},0V${size.height}`);
      at = {
        x: size.left + x(batch),
        y: size.top + 10,
        every,
        batchAt: (pixel) => Math.round(Math.min(last, Math.max(0, (pixel - size.left) / every))),
      };
      ring.attr("cx", at.x).attr("cy", at.y);
    },
  };
}

const marks = (last, every) => Array.from({ length: last / every + 1 }, (_, i) => every * i);

/* A name with a comma as two lines. */
function folded(texts) {
  texts.text(null).each(function (lane) {
    const { name, left } = lane;
    name.split(/(?<=,) /).forEach((part, i) =>
      select(this)
        .append("tspan")
        .attr("x", left)
        .attr("dy", i ? 14 : 0)
        .text(part),
    );
  });
}
