/* Ten words as bars, before and after. */

import { clamp, drawable, drawing, hueOf, linearScale, logScale, probability, join } from "../parts/common.js";

const ROW = 24,
  LEAST = 1e-6,
  MARGIN = { left: 84, right: 72, top: 24, bottom: 40 };

/* An axis of words: no ticks, they are named beside their bars. */
const lanes = (height) => drawable((v) => v * ROW, [0, height], [], String);

export function board() {
  const picture = drawing(),
    bars = picture.panel();
  const chosen = bars.clipped.append("rect").attr("class", "lane"),
    after = bars.clipped.append("g"),
    before = bars.clipped.append("g"),
    values = bars.inside.append("g"),
    words = bars.inside.append("g");
  let box = { left: 0, top: 0, width: 1, height: 1 };
  return {
    node: picture.node,
    height: () => MARGIN.top + 10 * ROW + MARGIN.bottom,
    place: (v) => ({ x: box.left - MARGIN.left + 40, y: box.top + (v + 0.5) * ROW }),
    tokenAt: (y) => clamp(Math.floor((y - box.top) / ROW), 0, 9),
    draw(s, { p, words: named, chosen: one }, { width, height }) {
      picture.size(width, height);
      box = bars.place({ width, height, margin: MARGIN });
      const x = s.view === "log" ? logScale([LEAST, 1], [0, box.width]) : linearScale([0, 1], [0, box.width], 5),
        between = s.view === "log", // a bar from the end of a logarithmic axis would have a length that means nothing
        lane = lanes(box.height),
        now = one.path.at(-1).map(Math.exp);
      bars.scales(x, lane);
      bars.titles("probability", between ? "before ▏ after: the other end of ▇" : "before ▏ after ▇");
      after.style("--own", hueOf(s.method));
      chosen.attr("x", 0).attr("width", box.width).attr("y", lane(s.token)).attr("height", ROW);
      join(after, "rect", now, {
        class: (_, v) => `after${v === s.token ? " sampled" : ""}`,
        x: (share, v) => (between ? Math.min(x(share), x(p[v])) : 0).toFixed(1),
        y: (_, v) => lane(v) + 5,
        height: ROW - 10,
        width: (share, v) => Math.max(between ? 1.5 : 0, between ? Math.abs(x(share) - x(p[v])) : x(share)).toFixed(1),
      });
      join(before, "path.before", p, {
        d: (share, v) => `M${x(share).toFixed(1)},${lane(v) + 2}V${lane(v) + ROW - 2}`,
      });
      join(words, "text", named, {
        class: (_, v) => `word${v === s.token ? " sampled" : ""}`,
        "text-anchor": "end",
        x: -10,
        y: (_, v) => lane(v) + ROW / 2 + 4,
        text: (word, v) => (v === s.token ? `▸ ${word}` : word),
      });
      join(values, "text.value", now, {
        x: box.width + 8,
        y: (_, v) => lane(v) + ROW / 2 + 4,
        text: (share) => `→ ${probability(share)}`,
      });
    },
  };
}
