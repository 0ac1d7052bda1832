/* Two pictures: each answer under the sampler, now and in the end; and how far from the sampler each baseline leads. */

import {
  bareScale,
  clamp,
  drawing,
  join,
  linearScale,
  logScale,
  put,
  stroke,
  textsAt,
  upright,
} from "../parts/common.js";
import { reach } from "./maths.js";
import { LEFT, REWARDS, RIGHT } from "./words.js";

const HEIGHTS = { bars: 214, far: 216 },
  MOST = 1000,
  LEAST = 0.001;
/* Closer and closer to 0, where the distance has its pole. */
const BELOW = [
  ...Array.from({ length: 100 }, (_, i) => LEFT * (1 - i / 100)),
  ...[0.01, 1e-3, 1e-5, 1e-10, 1e-30, 1e-100, 1e-300].map((b) => -b),
];

export function board() {
  const picture = drawing(),
    top = picture.panel(),
    low = picture.panel();
  const filled = top.inside.append("g"),
    outlined = top.inside.append("g").attr("class", "outlined"),
    ends = top.inside.append("path").attr("class", "ends"),
    grips = top.inside.append("g"),
    labels = top.inside.append("g");
  const beyond = low.inside.append("rect").attr("class", "beyond"),
    rules = low.inside.append("path").attr("class", "rule dotted"),
    limit = low.clipped.append("path").attr("class", "line end"),
    now = low.clipped.append("path").attr("class", "line now"),
    words = low.inside.append("g"),
    ring = low.inside.append("circle").attr("class", "ring").attr("r", 7);
  const shown = {
    node: picture.node,
    height: () => HEIGHTS.bars + HEIGHTS.far,
    draw(s, reading, { width, height }) {
      picture.size(width, height);
      const narrow = width < 480,
        mu = s.sampler;
      const box = top.place({ width, height: HEIGHTS.bars, margin: { left: 40, top: 26, bottom: 42 } });
      const slot = box.width / mu.length,
        at = (i) => (i + 0.5) * slot,
        y = linearScale([0, 1], [box.height, 0], 5);
      const bar = {
        class: (_, i) => (REWARDS[i] ? "right" : "wrong"),
        x: (_, i) => at(i) - 0.32 * slot,
        width: 0.64 * slot,
        y,
        height: (share) => box.height - y(share),
      };
      top.scales(bareScale(box.width), y);
      top.titles(
        "",
        narrow
          ? "μ (outlined), π now (filled), its end (line)"
          : "probability: sampler μ (outlined), policy π now (filled) and in the end (line)",
      );
      join(filled, "rect", reading.pi, bar);
      join(outlined, "rect", mu, bar);
      ends.attr(
        "d",
        reading.limit
          ?.map((share, i) => `M${(at(i) - 0.42 * slot).toFixed(1)},${y(share).toFixed(1)}h${(0.84 * slot).toFixed(1)}`)
          .join("") ?? null,
      );
      join(grips, "circle.ring", mu, { r: 5, cx: (_, i) => at(i), cy: y });
      const lines = reading.pi.flatMap((share, i) => [
        { i, y: 16, c: "answer", text: `${i + 1} ${REWARDS[i] ? "✓" : "✕"}` },
        { i, y: 32, c: "small", text: share.toFixed(2) },
      ]);
      join(labels, "text", lines, {
        class: (d) => d.c,
        "text-anchor": "middle",
        x: (d) => at(d.i),
        y: (d) => box.height + d.y,
        text: (d) => d.text,
      });

      const under = low.place({ top: HEIGHTS.bars, width, height: HEIGHTS.far, margin: { left: 40, top: 30 } });
      const x = linearScale([LEFT, RIGHT], [0, under.width], 7),
        up = logScale([LEAST, MOST], [under.height, 0]),
        place = ([b, far]) => [x(b), up(far)];
      low.scales(x, up);
      low.titles("baseline b", narrow ? "KL(μ‖π), nats" : "KL(μ‖π), nats: now (dashed) and in the end (line)");
      put(beyond, { x: x(0), width: x(RIGHT) - x(0), height: under.height });
      rules.attr("d", upright(x(reading.J), under.height));
      limit.attr("d", stroke(BELOW.map((b) => place([b, Math.min(reach(reading.J, b), 2 * MOST)]))));
      now.attr("d", s.steps ? stroke(reading.line.map(place)) : null);
      const said = [
        { x: x(0) - 8, y: 14, anchor: "end", text: "a radius" },
        { x: x(RIGHT) - 8, y: under.height - 10, anchor: "end", text: "no radius" },
        { x: Math.min(x(reading.J), under.width - 30), y: -6, anchor: "middle", text: narrow ? "J" : "J, the mean" },
      ];
      textsAt(words, "text.small.halo", said);
      const dot = { x: x(s.baseline), y: up(clamp(reading.now, LEAST, MOST)) };
      ring.attr("cx", dot.x).attr("cy", dot.y);
      Object.assign(shown, {
        bar: (i) => ({ x: box.left + at(i), y: box.top + y(mu[i]) }),
        floor: box.top + box.height,
        shareAt: (pixel) => clamp(y.invert(pixel - box.top), 0, 1),
        dot: { x: under.left + dot.x, y: under.top + dot.y },
        baselineAt: (pixel) => Number(clamp(x.invert(pixel - under.left), LEFT, RIGHT).toFixed(2)),
      });
    },
  };
  return shown;
}
