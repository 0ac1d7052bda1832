/* Below the ring, on its scale: the share of right answers of the three runs up to the batch that is shown; once the names
   are known, faint, what comes after it, the ends on new sums, and the runs with other seeds. */

import { apart, drawing, join, linearScale, stroke, textsAt } from "../parts/common.js";
import { LAST, NAMES, opened } from "./words.js";

const EDGE = 12, // pixels from an end of the ring's way to the middle of the ring there
  HIGH = 0.75, // the highest share
  SHARES = [0, 0.3, 0.6],
  HIGHEST = 0.6,
  BESIDE = 44, // pixels for the ends
  TALL = 112,
  APART = 19; // pixels between two letters

export function curves(looks) {
  const picture = drawing(),
    [grid, lines, dots] = Array.from({ length: 3 }, () => picture.svg.append("g"));
  return {
    node: picture.node,
    height: () => TALL,
    draw({ batch }, reading, { width, height }, data) {
      const { lanes, each, told, runs, again } = opened(data),
        right = width - BESIDE,
        x = linearScale([1, LAST], [EDGE, right - EDGE]),
        y = linearScale([0, HIGH], [height - 10, 18]),
        way = (counts, from, to) => stroke(counts.map((count, i) => [x(i + 1), y(count / each)]).slice(from - 1, to)),
        end = ([mean, low, high], at) => `M${at},${y(low)}V${y(high)}M${at - 3},${y(mean)}h6`,
        drawn = lanes.map(({ look, ...lane }, i) => ({
          ...looks[look],
          ...lane,
          name: NAMES[i],
          at: right + 8 + 12 * i,
        })),
        every = (kind, d) => drawn.map((lane, i) => ({ ...lane, kind, d: d(lane, i) }));
      picture.size(width, height);
      join(grid, "path.rule", SHARES, { d: (share) => `M${EDGE},${y(share)}H${right - EDGE}` });
      const seen = [
        ...(again
          ? runs.flatMap((run) => every("other", (_, i) => run.right[i] && way(run.right[i])).filter(({ d }) => d))
          : []),
        ...(told
          ? [...every("later", (lane) => way(lane.right, batch)), ...every("end", (lane) => end(lane.end, lane.at))]
          : []),
        ...every("now", (lane) => way(lane.right, 1, batch)),
      ];
      join(lines, "path.line", seen, {
        "data-kind": ({ kind, name }) => kind + name,
        style: { stroke: ({ hue }) => hue },
        "stroke-dasharray": ({ dash, kind }) => (kind !== "end" && dash) || null,
        d: ({ d }) => d,
      });
      textsAt(lines, "text.tick", [
        ...[1, 4, 8, 12, LAST].map((at) => ({ text: String(at), x: x(at), y: 10, anchor: "middle" })),
        ...SHARES.slice(1).map((share) => ({
          text: `${100 * share} %${share === HIGHEST ? " right" : ""}`,
          x: EDGE,
          y: y(share) - 4,
        })),
        ...(told ? [{ text: "new", x: right + 20, y: 10, anchor: "middle" }] : []),
      ]);
      const letters = drawn.map(({ name, hue, right: own }) => ({ text: name, hue, y: y(own[batch - 1] / each) }));
      const high = apart(letters, APART, TALL - 10);
      join(dots, "circle.letter", high, {
        r: 9,
        cx: x(batch),
        cy: (one) => one.y,
        style: { fill: ({ hue }) => hue },
      });
      textsAt(
        dots,
        "text.letter",
        high.map((one) => ({ ...one, x: x(batch), y: one.y + 4, anchor: "middle" })),
      );
    },
  };
}
