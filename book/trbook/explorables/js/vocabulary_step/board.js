/* Ten words as bars, before and after, and below them the sampled word's probability step by step, every method. */

import { clamp, drawing, linearScale, logScale, probability, stroke } from "../parts/common.js";

const ROW = 22,
  TOP = 24,
  BOTTOM = 40,
  BELOW = 180,
  LEAST = 1e-6;
const MOST = 64;

const scale = (view, range, least = LEAST) =>
  view === "log" ? logScale([least, 1], range) : linearScale([0, 1], range, 5);

export function board() {
  const picture = drawing(),
    bars = picture.panel(),
    ways = picture.panel();
  const chosen = bars.clipped.append("rect").attr("class", "lane"),
    after = bars.clipped.append("g"),
    before = bars.clipped.append("g"),
    values = bars.inside.append("g"),
    words = bars.inside.append("g");
  const others = ways.clipped.append("g"),
    own = ways.clipped.append("path").attr("class", "line own"),
    cursor = ways.inside.append("path").attr("class", "rule"),
    dot = ways.inside.append("circle").attr("class", "dot own").attr("r", 5);
  const rings = picture.svg.append("g");
  let shown = null;
  return {
    node: picture.node,
    height: () => TOP + 10 * ROW + BOTTOM + BELOW,
    places: () => shown,
    draw(s, { p, words: named, rows, chosen: one }, { width, height }) {
      picture.size(width, height);
      const left = 84,
        right = 96,
        tall = TOP + 10 * ROW + BOTTOM;
      const box = bars.place({ top: 0, width, height: tall, margin: { left, right, top: TOP, bottom: BOTTOM } });
      const x = scale(s.view, [0, box.width]),
        lane = (v) => v * ROW;
      bars.scales(
        x,
        Object.assign((v) => lane(v), {
          range: () => [0, box.height],
          copy() {
            return this;
          },
          ticks: () => [],
          tickFormat: () => String,
        }),
      );
      bars.titles("probability", "before ▏ after ▇");
      const now = one.path.at(-1).map(Math.exp);
      chosen.attr("x", 0).attr("width", box.width).attr("y", lane(s.token)).attr("height", ROW);
      after
        .selectAll("rect")
        .data(now)
        .join("rect")
        .attr("class", (_, v) => `after${v === s.token ? " sampled" : ""}`)
        .attr("x", 0)
        .attr("y", (_, v) => lane(v) + 5)
        .attr("height", ROW - 10)
        .attr("width", (share) => Math.max(0, x(share)).toFixed(1));
      before
        .selectAll("path")
        .data(p)
        .join("path")
        .attr("class", "before")
        .attr("d", (share, v) => `M${x(share).toFixed(1)},${lane(v) + 2}V${lane(v) + ROW - 2}`);
      words
        .selectAll("text")
        .data(named)
        .join("text")
        .attr("class", (_, v) => `word${v === s.token ? " sampled" : ""}`)
        .attr("text-anchor", "end")
        .attr("x", -10)
        .attr("y", (_, v) => lane(v) + ROW / 2 + 4)
        .text((word, v) => (v === s.token ? `▸ ${word}` : word));
      values
        .selectAll("text")
        .data(p)
        .join("text")
        .attr("class", "value")
        .attr("x", box.width + 8)
        .attr("y", (_, v) => lane(v) + ROW / 2 + 4)
        .text((share, v) => `→ ${probability(now[v])}`);
      const low = ways.place({ top: tall, width, height: BELOW, margin: { left: 52, right: 18, top: 26, bottom: 40 } });
      const over = linearScale([0, MOST], [0, low.width], width < 420 ? 4 : 8),
        least = Math.max(LEAST, 10 ** Math.floor(Math.log10(Math.min(...rows.map((row) => row.p), p[s.token])))),
        up = scale(s.view, [low.height, 0], least);
      ways.scales(over, up);
      ways.titles("inner steps", `probability of “${named[s.token]}”, all methods`);
      const line = ({ path }) => stroke(path.map((logp, i) => [over(i), up(clamp(Math.exp(logp[s.token]), LEAST, 1))]));
      others
        .selectAll("path")
        .data(
          rows.filter(({ key }) => key !== s.method),
          ({ key }) => key,
        )
        .join("path")
        .attr("class", "line other")
        .attr("d", line);
      own.attr("d", line(one));
      dot.attr("cx", over(s.steps)).attr("cy", up(clamp(one.p, LEAST, 1)));
      cursor.attr("d", `M${over(s.steps).toFixed(1)},0V${low.height}`);
      shown = {
        token: { x: box.left - left + 40, y: box.top + lane(s.token) + ROW / 2 },
        tokenAt: (y) => clamp(Math.floor((y - box.top) / ROW), 0, 9),
        steps: { x: low.left + over(s.steps), y: low.top + low.height },
        stepsAt: (at) => clamp(Math.round(over.invert(at - low.left)), 0, MOST),
        split: tall,
      };
      rings
        .selectAll("circle")
        .data([shown.steps])
        .join("circle")
        .attr("class", "ring")
        .attr("r", 7)
        .attr("cx", (at) => at.x)
        .attr("cy", (at) => at.y);
    },
  };
}
