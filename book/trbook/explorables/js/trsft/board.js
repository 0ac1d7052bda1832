/* Two pictures: the expert's bars with what each student has learned from them, and the weight of an expert's token
   against the probability that the student gives it. */

import {
  clamp,
  curves,
  upright,
  drawable,
  drawing,
  linearScale,
  logScale,
  number,
  put,
  stroke,
  join,
  textsAt,
} from "../parts/common.js";
import { PLACES, weight } from "./maths.js";
import { LOOKS, RIGHT } from "./words.js";

const LEAST = 1e-6,
  MARGIN = { left: 40, top: 26, bottom: 58 };
const TOPS = [0.4, 0.6, 0.8, 1];
const SHAPES = {
  square: "M-4,-4H4V4H-4Z",
  circle: "M-4.5,0A4.5,4.5 0 1,0 4.5,0A4.5,4.5 0 1,0 -4.5,0Z",
  diamond: "M0,-6L5,0L0,6L-5,0Z",
};

/* `few`: the expert's bars alone, without the weights below them. */
export function board(few = false) {
  const picture = drawing(),
    top = picture.panel(),
    low = picture.panel();
  const bars = top.inside.append("g"),
    ends = top.inside.append("path").attr("class", "ends"),
    lines = top.inside.append("g"),
    marks = top.inside.append("g"),
    called = top.inside.append("g");
  const before = top.inside.append("path").attr("class", "line before"),
    begins = top.inside.append("text").attr("class", "small").attr("text-anchor", "middle");
  const start = top.inside.append("path").attr("class", "starts"),
    grips = top.inside.append("g");
  const own = low.inside.append("path").attr("class", "line before"),
    weights = low.inside.append("g"),
    rule = low.inside.append("path").attr("class", "rule dotted"),
    dots = low.inside.append("g"),
    named = low.inside.append("g"),
    ring = low.inside.append("circle").attr("class", "ring").attr("r", 7);
  const shown = {
    node: picture.node,
    height: (width) => (few ? (width < 480 ? 290 : 330) : width < 480 ? 400 : 336),
    draw(s, { found, limit, first }, { width, height }) {
      picture.size(width, height);
      const tall = few ? height : Math.round(height * 0.6);
      const box = top.place({ width, height: tall, margin: few ? { ...MARGIN, bottom: 40 } : MARGIN });
      const slot = box.width / PLACES,
        at = (v) => (v + 0.5) * slot;
      const ways = Object.keys(LOOKS).filter((way) => s.show.includes(way));
      const most = TOPS.find((one) => one >= 1.03 * Math.max(...s.expert, ...ways.flatMap((way) => found[way]))) ?? 1;
      const y = linearScale([0, most], [box.height, 0], 4);
      top.scales(places(box.width, slot), y);
      top.titles(
        few ? "answer" : "",
        width < 480 ? "expert (bars), students (lines)" : "probability of each answer: expert (bars), students (lines)",
      );
      join(bars, "rect", s.expert, {
        class: (_, v) => (v === RIGHT ? "bar right" : "bar"),
        x: (_, v) => at(v) - 0.36 * slot,
        width: 0.72 * slot,
        y: y,
        height: (share) => box.height - y(share),
      });
      join(grips, "circle.ring", s.expert, { r: 5, cx: (_, v) => at(v), cy: y });
      ends.attr(
        "d",
        !few && s.student === "any" && s.show.includes("trsft")
          ? limit
              .map(
                (share, v) => `M${(at(v) - 0.42 * slot).toFixed(1)},${y(share).toFixed(1)}h${(0.84 * slot).toFixed(1)}`,
              )
              .join("")
          : null,
      );
      before.attr("d", stroke(first.map((share, v) => [at(v), y(share)])));
      curves(lines, ways, LOOKS, (way) => stroke(found[way].map((share, v) => [at(v), y(share)])));
      const points = ways.flatMap((way) => found[way].map((share, v) => ({ way, v, share })));
      join(marks, "path.mark", points, {
        key: (d) => `${d.way}${d.v}`,
        d: (d) => SHAPES[LOOKS[d.way].mark],
        transform: (d) => `translate(${at(d.v).toFixed(1)},${y(d.share).toFixed(1)})`,
        style: { fill: (d) => LOOKS[d.way].hue },
      });
      const x0 = at(s.start);
      start.attr("d", few ? null : `M${x0.toFixed(1)},${box.height + 24}l7,12h-14Z`);
      put(begins, { x: clamp(x0, 62, box.width - 62), y: box.height + 51, text: few ? "" : "the student began here" });

      const peaks = ways.map((way) => {
        const v = found[way].indexOf(Math.max(...found[way]));
        return { text: LOOKS[way].name, hue: LOOKS[way].hue, x: at(v) + 9, y: y(found[way][v]) + 4 };
      });
      const said = s.steps
        ? peaks
        : [
            {
              text: "both pupils",
              hue: "var(--soft)",
              x: at(first.indexOf(Math.max(...first))),
              y: y(Math.max(...first)) - 10,
            },
          ];
      textsAt(called, "text.name.halo", few ? said : [], { style: { fill: (d) => d.hue } });
      if (few) return;
      const under = low.place({ top: tall, width, height: height - tall, margin: { left: 40, top: 28 } });
      const x = logScale([LEAST, 1], [0, under.width]),
        w = linearScale([0, 1.1], [under.height, 0], 4);
      low.scales(x, w);
      low.titles("probability p of the expert’s token", "gradient weight w");
      const along = Array.from({ length: 121 }, (_, i) => 10 ** ((i / 120) * Math.log10(1 / LEAST)) * LEAST);
      curves(weights, ["sft", "trsft"], LOOKS, (way) =>
        stroke(
          [...along, ...(way === "trsft" ? [s.alpha] : [])]
            .sort((a, b) => a - b)
            .map((p) => [x(p), w(weight[way](p, s.alpha))]),
        ),
      );
      own.attr("d", stroke(along.map((p) => [x(p), w(p)])));
      rule.attr("d", upright(x(s.alpha), under.height));
      const tokens = s.expert.map((share, v) => ({ share, v, p: found.trsft[v] }));
      join(dots, "circle", tokens, {
        class: (d) => (d.v === RIGHT ? "token right" : "token"),
        r: (d) => 3 + 9 * Math.sqrt(d.share),
        cx: (d) => x(d.p),
        cy: (d) => w(weight.trsft(d.p, s.alpha)),
      });
      const apart = [
        { text: "SFT: 1", x: 6, y: w(1) + 16, hue: LOOKS.sft.hue, anchor: "start" },
        { text: "TrSFT: min(1, p/α)", x: 6, y: w(0) - 22, hue: LOOKS.trsft.hue, anchor: "start" },
        { text: "p", x: x(0.55), y: w(0.4), hue: "var(--soft)", anchor: "start" },
      ];
      textsAt(named, "text.name.halo", apart, { style: { fill: (d) => d.hue } });
      ring.attr("cx", x(s.alpha)).attr("cy", under.height);
      Object.assign(shown, {
        bar: (v) => ({ x: box.left + at(v), y: box.top + y(s.expert[v]) }),
        shareAt: (top) => clamp(y.invert(top - box.top), 0, 1),
        floor: box.top + box.height,
        begin: { x: box.left + x0, y: box.top + box.height + 32 },
        startAt: (left) => clamp((left - box.left) / slot - 0.5, 0, PLACES - 1),
        cap: { x: under.left + x(s.alpha), y: under.top + under.height },
        alphaAt: (left) => Number(clamp(x.invert(left - under.left), 1e-3, 1).toPrecision(2)),
        words: (v) => number(s.expert[v]),
      });
    },
  };
  return shown;
}

/* An axis of places: a number in the middle of each slot, a tick beside the right one. */
function places(width, slot) {
  const every = Array.from({ length: PLACES }, (_, v) => v);
  return drawable(
    (v) => (v + 0.5) * slot,
    [0, width],
    every,
    (v) => (v === RIGHT ? `${v} ✓` : String(v)),
  );
}
