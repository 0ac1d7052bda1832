/* Below the scrubber, on its scale: once a hand has moved it, the share of right answers of the three runs,
   full up to the batch that is read and faint beyond it; at the end that of new sums, with its interval. */

import { drawing, join, linearScale, stroke, textsAt } from "../parts/common.js";
import { PAUSE } from "./words.js";

const EDGE = 22, // pixels from an end of the scrubber to the middle of its ring there
  HIGH = 0.7, // the highest share
  TICKS = 20,
  TALL = 70,
  SHARES = [0, 0.3, 0.6],
  NARROW = 600, // there the scrubber stands above the answers, and says its batch in words
  BESIDE = [0, 0, 8]; // pixels from the last batch to each end

export function board(looks) {
  const picture = drawing(),
    ticks = picture.svg.append("g"),
    chart = picture.svg.append("g").attr("class", "chart"),
    grid = chart.append("g"),
    faint = chart.append("g").attr("class", "faint"),
    lines = chart.append("g"),
    ends = chart.append("g"),
    dots = chart.append("g");
  let shown = false;
  return {
    node: picture.node,
    height: (width) => (width < NARROW ? 0 : TICKS) + TALL + 8,
    show: () => (shown = true),
    draw({ batch }, reading, { width, height }, { lanes, each }) {
      const last = lanes[0].right.length,
        x = linearScale([0, last], [EDGE, width - EDGE]),
        top = height - TALL - 4,
        y = linearScale([0, HIGH], [height - 4, top]);
      shown ||= batch > PAUSE;
      picture.size(width, height).classed("shown", shown);
      join(ticks, "text.tick", width < NARROW ? [] : Array.from({ length: last / 2 + 1 }, (_, i) => 2 * i), {
        x,
        y: 12,
        "text-anchor": "middle",
        text: String,
      });
      join(grid, "path.rule", SHARES, { d: (share) => `M${EDGE},${y(share)}H${width - EDGE}` });
      join(grid, "text.share", SHARES.slice(1), {
        x: EDGE,
        y: (share) => y(share) - 4,
        text: (share) => `${100 * share} % right`,
      });
      const seen = lanes.map(({ look, right, end }, i) => ({
        ...looks[look],
        end,
        beside: x(last) + BESIDE[i],
        points: right.map((count, k) => [x(k), y(count / each)]),
      }));
      const dashed = { style: { stroke: ({ hue }) => hue }, "stroke-dasharray": ({ dash }) => dash || null };
      join(faint, "path.line", seen, { ...dashed, d: ({ points }) => stroke(points.slice(Math.min(batch, last - 1))) });
      join(lines, "path.line", seen, { ...dashed, d: ({ points }) => stroke(points.slice(0, batch + 1)) });
      join(ends, "path.interval", seen, {
        style: { stroke: ({ hue }) => hue },
        d: ({ beside, end: [, low, high] }) => `M${beside.toFixed(1)},${y(low).toFixed(1)}V${y(high).toFixed(1)}`,
      });
      join(dots, "circle.dot", seen, {
        r: 5,
        cx: batch < last ? x(batch) : ({ beside }) => beside,
        cy: ({ points, end }) => (batch < last ? points[batch][1] : y(end[0])),
        style: { fill: ({ hue }) => hue },
      });
      textsAt(dots, "text.share", [{ text: "new sums", x: width - EDGE + 12, y: y(0.08), anchor: "end" }]);
      ends.attr("opacity", batch === last ? null : 0.4);
    },
  };
}
