/* The contest drawn over the third round's record: ends against rates, and ends against early reward. */

import { drawing, h, linearScale, logScale, stroke, join } from "../parts/common.js";
import { looksOf } from "../run_explorer/looks.js";
import { rate as rateText } from "../basin/words.js";
import { frontier } from "./maths.js";

const HEIGHT = 280,
  WIDE = 620,
  MARGIN = { left: 44, right: 16, top: 26, bottom: 40 };

export function figure({ record, names }) {
  const picture = drawing(),
    panels = [picture.panel(), picture.panel()],
    methods = Object.keys(record.methods),
    looks = looksOf(methods);
  const layers = panels.map(({ inside }) => ({
    lines: inside.append("g"),
    dots: inside.append("g"),
    ours: inside.append("g"),
  }));
  const key = h("p", { class: "ct-key" }),
    swatch = (text, cls, hue) => {
      const one = h("span", { class: cls, text });
      if (hue) one.style.setProperty("--hue", hue);
      return one;
    };
  key.append(
    swatch("your formula, here", "ct-ours"),
    swatch("PPO, here", "ct-theirs"),
    ...methods.map((name) => {
      const one = swatch(`${names[name]}, recorded`, "ct-recorded", looks.get(name).hue);
      return one;
    }),
  );
  const el = h("div", { class: "ct-figure" }, key, picture.node);

  function draw(rows) {
    const width = el.clientWidth;
    if (!width) return;
    const side = width >= WIDE,
      each = side ? Math.floor(width / 2) : width;
    picture.size(width, side ? HEIGHT : 2 * HEIGHT);
    const boxes = panels.map((panel, i) =>
      panel.place({
        left: side ? i * each : 0,
        top: side ? 0 : i * HEIGHT,
        width: each,
        height: HEIGHT,
        margin: MARGIN,
      }),
    );
    const x = [
      Object.assign(logScale([record.rates[0] / 1.3, record.rates.at(-1) * 1.4], [0, boxes[0].width]), {
        ticks: () => record.rates,
        tickFormat: () => rateText,
      }),
      linearScale([0.2, 0.8], [0, boxes[1].width], 4),
    ];
    const y = boxes.map((box) => linearScale([0, 1], [box.height, 0]));
    panels.forEach((panel, i) => panel.scales(x[i], y[i]));
    panels[0].titles("learning rate", "end: sampled accuracy");
    panels[1].titles("early: mean reward of the first ten batches", "end");
    const points = methods.flatMap((name) =>
      record.rates.map((lr, k) => ({
        name,
        lr,
        end: record.methods[name].end[k],
        take: record.methods[name].take_off[k],
      })),
    );
    const first = frontier(points.map(({ take, end }) => [take, end]));
    layers.forEach(({ lines, dots, ours }, i) => {
      const at = ({ lr, take, end }) => [i ? x[1](take) : x[0](lr), y[i](end)];
      join(lines, "path.ct-line", methods, {
        stroke: (name) => looks.get(name).hue,
        "stroke-dasharray": (name) => looks.get(name).dash || null,
        d: (name) => stroke(points.filter((one) => one.name === name).map(at)),
      });
      join(dots, "path", points, {
        class: (one, k) => (i && first.includes(k) ? "ct-mark ct-first" : "ct-mark"),
        fill: ({ name }) => looks.get(name).hue,
        d: ({ name }) => looks.get(name).mark,
        transform: (one) => `translate(${at(one).map((v) => v.toFixed(1))}) scale(.7)`,
      });
      const drawn = rows
        .flatMap((row) => [
          ["theirs", row],
          ["ours", row],
        ])
        .map(([who, row]) => {
          const [end, low, high] = row.end[who],
            [take] = row.take_off[who],
            px = i ? x[1](take) : x[0](row.rate) + (who === "ours" ? 3 : -3);
          return { who, px, py: y[i](end), low: y[i](Math.max(0, low)), high: y[i](Math.min(1, high)) };
        });
      join(ours, "line", drawn, {
        class: (d) => `ct-bar ct-${d.who}`,
        x1: (d) => d.px,
        x2: (d) => d.px,
        y1: (d) => d.low || d.py,
        y2: (d) => d.high || d.py,
      });
      join(ours, "circle", drawn, {
        class: (d) => `ct-point ct-${d.who}`,
        r: 5.5,
        cx: (d) => d.px,
        cy: (d) => d.py,
      });
    });
  }
  return { el, draw };
}
