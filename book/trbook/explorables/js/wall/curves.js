/* Below the ring, on its scale: the share of right answers of the three runs up to the batch that is shown; once the names
   are known, faint, what comes after it, the ends on new sums, and the runs with other seeds. */

import { drawing, join, linearScale, stroke, textsAt } from "../parts/common.js";
import { LAST, NAMES, opened, percent } from "./words.js";

const EDGE = 22, // pixels from an end of the ring's way to the middle of the ring there
  HIGH = 0.75, // the highest share
  SHARES = [0, 0.3, 0.6],
  NARROW = 600,
  APART = 19; // pixels between two letters

export function curves(looks) {
  const picture = drawing(),
    [ticks, grid, again, faint, lines, ends, dots] = Array.from({ length: 7 }, () => picture.svg.append("g"));
  again.attr("class", "again");
  faint.attr("class", "faint");
  return {
    node: picture.node,
    height: (width) => (width < NARROW ? 118 : 132),
    draw({ batch }, reading, { width, height }, data) {
      const { lanes, each, told, tested, runs, ...seen } = opened(data),
        right = width - (width < NARROW ? 44 : 88),
        x = linearScale([1, LAST], [EDGE, right - EDGE]),
        y = linearScale([0, HIGH], [height - 6, 18]),
        way = (counts, from, to) => stroke(counts.map((count, i) => [x(i + 1), y(count / each)]).slice(from - 1, to)),
        looked = {
          style: { stroke: ({ hue }) => hue },
          "stroke-dasharray": ({ dash }) => dash || null,
          d: ({ d }) => d,
        },
        drawn = lanes.map(({ look, ...lane }, i) => ({ ...looks[look], ...lane, name: NAMES[i] })),
        others = seen.again ? runs.flatMap((run) => drawn.map((lane, i) => ({ ...lane, d: way(run.right[i]) }))) : [];
      picture.size(width, height);
      join(ticks, "text.tick", [1, 4, 8, 12, 16], { x, y: 10, "text-anchor": "middle", text: String });
      join(grid, "path.rule", SHARES, { d: (share) => `M${EDGE},${y(share)}H${right - EDGE}` });
      join(grid, "text.share", SHARES.slice(1), {
        x: EDGE,
        y: (share) => y(share) - 4,
        text: (share) => `${100 * share} % right`,
      });
      join(again, "path.line", others, looked);
      join(
        faint,
        "path.line",
        drawn.map((lane) => ({ ...lane, d: told && batch < LAST ? way(lane.right, batch) : null })),
        looked,
      );
      join(
        lines,
        "path.line",
        drawn.map((lane) => ({ ...lane, d: way(lane.right, 1, batch) })),
        looked,
      );
      const shown = told ? drawn : [],
        beside = (i) => right + 6 + 8 * i;
      join(ends, "path.interval", shown, {
        style: { stroke: ({ hue }) => hue },
        d: ({ end: [, low, high] }, i) => `M${beside(i)},${y(low).toFixed(1)}V${y(high).toFixed(1)}`,
      });
      join(ends, "circle.dot", shown, {
        r: 3.5,
        cx: (_, i) => beside(i),
        cy: ({ end }) => y(end[0]),
        style: { fill: ({ hue }) => hue },
      });
      textsAt(ends, "text.share", [
        ...(told ? [{ text: width < NARROW ? "new" : `${tested} new sums`, x: width, y: 10, anchor: "end" }] : []),
        ...(width < NARROW ? [] : spread(shown.map(({ end }) => y(end[0])))).map((at, i) => ({
          text: percent(drawn[i].end[0]),
          x: width,
          y: at + 4,
          anchor: "end",
        })),
      ]);
      const high = spread(drawn.map((lane) => y(lane.right[batch - 1] / each)));
      join(dots, "circle.letter", drawn, { r: 9, cx: x(batch), cy: (_, i) => high[i], style: { fill: ({ hue }) => hue } });
      textsAt(
        dots,
        "text.letter",
        drawn.map(({ name }, i) => ({ text: name, x: x(batch), y: high[i] + 4, anchor: "middle" })),
      );
    },
  };
}

/* Heights, moved apart where two lie on each other. */
function spread(heights) {
  const order = heights.map((height, i) => [height, i]).sort(([a], [b]) => a - b);
  for (let turn = 0; turn < 8; turn++)
    for (let i = 1; i < order.length; i++) {
      const lack = APART - (order[i][0] - order[i - 1][0]);
      if (lack <= 0) continue;
      order[i - 1][0] -= lack / 2;
      order[i][0] += lack / 2;
    }
  const low = Math.max(0, ...order.map(([height]) => height - 122));
  return heights.map((_, i) => order.find(([, at]) => at === i)[0] - low);
}
