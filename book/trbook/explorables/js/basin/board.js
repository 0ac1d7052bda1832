/* The drawing: a curve for each method with its runs, the line, and under it every method's basin as a bar. */

import { area } from "d3-shape";
import { clamp, drawable, drawing, linearScale, logScale, put, stroke, join } from "../parts/common.js";
import { looksOf } from "./looks.js";
import { endsOf, panelOf, RUNGS, rungOf } from "./maths.js";
import { rate, share } from "./words.js";

const LEFT = 74,
  ROW = 24;
const TITLES = { end: "end: sampled accuracy", take_off: "early: mean reward of the first ten batches" };
const PAD = 1.4; // room beyond the first and the last rate

/* `told`: only up to the highest learning rate that was reached; what comes is for the reader to predict. */
export function board(told = false) {
  const picture = drawing(),
    over = picture.panel(),
    under = picture.panel();
  const bands = over.clipped.append("g"),
    rule = over.inside.append("path").attr("class", "line-of-all"),
    ruleName = over.inside.append("text").attr("class", "halo small");
  const second = over.inside.append("path").attr("class", "cursor faint"),
    secondName = over.inside.append("text").attr("class", "halo small faint").attr("text-anchor", "middle");
  const lines = over.clipped.append("g"),
    marks = over.clipped.append("g");
  const veil = over.clipped.append("rect").attr("class", "veil");
  const cursor = over.inside.append("path").attr("class", "cursor"),
    dots = over.inside.append("g");
  const bars = under.inside.append("g"),
    ends = under.inside.append("g"),
    bests = under.inside.append("g"),
    gone = under.inside.append("g"),
    veiled = under.inside.append("rect").attr("class", "veil");
  const ring = picture.svg.append("circle").attr("class", "ring").attr("r", 7);
  let place = null,
    seen = 0;

  const tall = 150;
  const drawn = (s, panel) => s.methods.filter((method) => method in panel.methods);
  return {
    node: picture.node,
    places: () => place,
    height: (width, s, data) => tall + 68 + ROW * clamp(drawn(s, panelOf(data, s)).length, 1, 5),
    draw(s, { panel, rows }, { width, height }, { names, tenfold }) {
      picture.size(width, height);
      const shown = drawn(s, panel),
        at = tall,
        looks = looksOf(Object.keys(names));
      const box = over.place({ width, height: at, margin: { left: LEFT, bottom: 12 } });
      const low = under.place({
        top: at + 4,
        width,
        height: height - at - 4,
        margin: { left: LEFT, top: 26, bottom: 36 },
      });
      const [least, most] = endsOf(panel),
        x = ratesScale(panel.rates, box.width),
        y = linearScale([0, 1], [box.height, 0]);
      over.scales(x.bare, y);
      over.titles("", TITLES[s.measure]);
      under.scales(x, rowScale(shown, names, low.height));
      under.titles("learning rate", "basin: less than .05 below the best end");
      const line = (d) => d.toFixed(1),
        hue = (method) => looks.get(method).hue,
        X = (lr) => x(lr);

      const curves = shown.map((method) => ({ method, ...panel.methods[method][s.measure] }));
      const banded = curves.filter((one) => one.low);
      join(bands, "path.band", banded, {
        key: (one) => one.method,
        fill: (one) => hue(one.method),
        d: (one) =>
          area()
            .digits(1)
            .x((_, i) => X(panel.rates[i]))
            .y0((_, i) => y(one.low[i]))
            .y1((_, i) => y(one.high[i]))(one.curve),
      });
      join(lines, "path.line", curves, {
        key: (one) => one.method,
        stroke: (one) => hue(one.method),
        "stroke-dasharray": (one) => looks.get(one.method).dash || null,
        d: (one) => stroke(one.curve.map((value, i) => [X(panel.rates[i]), y(value)])),
      });
      const step = Math.min(4, (width < 480 ? 10 : 16) / Math.max(1, shown.length)),
        many = panel.seeds.length > 4;
      const runs = curves.flatMap((one, k) =>
        one.runs.flatMap((run, seed) =>
          run.map((value, i) => ({
            method: one.method,
            key: `${one.method} ${seed} ${i}`,
            value,
            x: X(panel.rates[i]) + step * (k - (shown.length - 1) / 2),
          })),
        ),
      );
      join(marks, "path", runs, {
        key: (d) => d.key,
        class: many ? "run many" : "run",
        d: (d) => looks.get(d.method).mark,
        fill: (d) => hue(d.method),
        transform: (d) => `translate(${line(d.x)},${line(y(d.value))})${many ? "scale(.55)" : "scale(.8)"}`,
      });
      const ruled = s.measure === "end";
      rule.attr("d", ruled ? `M0,${line(y(panel.line))}H${box.width}` : null);
      put(ruleName, { x: 4, y: ruled ? y(panel.line) + 14 : 0, text: ruled ? `line ${share(panel.line)}` : "" });

      seen = Math.max(seen, s.lr);
      const open = told ? X(seen) + 6 : box.width;
      for (const [cover, { height: down }] of [
        [veil, box],
        [veiled, low],
      ])
        put(cover, { x: open, width: Math.max(0, box.width - open), height: down });

      const here = X(s.lr),
        there = !told && tenfold * s.lr <= most * 1.0001 ? X(tenfold * s.lr) : null,
        foot = box.height + 4 + 12 + 26 + low.height;
      cursor.attr("d", `M${line(here)},0V${foot}`);
      second.attr("d", there === null ? null : `M${line(there)},0V${foot}`);
      const beside = there === null ? 0 : Math.min(there, box.width - 20);
      put(secondName, { x: beside, y: 11, text: there === null ? "" : "10 ×" });
      const spots = rows.flatMap((row) =>
        [
          [row.value, here, "dot"],
          [row.ten, there, "dot ten"],
        ]
          .filter(([value, at_]) => value !== null && at_ !== null)
          .map(([value, at_, kind]) => ({ key: row.method + kind, method: row.method, value, x: at_, kind })),
      );
      join(dots, "circle", spots, {
        key: (d) => d.key,
        class: (d) => d.kind,
        r: (d) => (d.kind === "dot" ? 4.5 : 3.5),
        cx: (d) => line(d.x),
        cy: (d) => line(y(d.value)),
        style: {
          fill: (d) => (d.kind === "dot" ? hue(d.method) : "var(--page)"),
          stroke: (d) => (d.kind === "dot" ? "var(--page)" : hue(d.method)),
        },
      });

      const basins = shown.map((method, i) => ({
        method,
        middle: (i + 0.5) * (low.height / shown.length),
        ...panel.methods[method].basin,
      }));
      const have = basins.filter((one) => one.low !== null);
      join(bars, "rect.bar", have, {
        key: (one) => one.method,
        fill: (one) => hue(one.method),
        x: (one) => line(X(one.low)),
        width: (one) => line(Math.max(1, X(one.high) - X(one.low))),
        y: (one) => line(one.middle - 6),
        height: 12,
      });
      join(ends, "path.ends", have, {
        key: (one) => one.method,
        stroke: (one) => hue(one.method),
        d: (one) => outline(one, X),
      });
      join(bests, "path.best", have, {
        key: (one) => one.method,
        d: (one) => looks.get(one.method).mark,
        fill: (one) => hue(one.method),
        transform: (one) => `translate(${line(X(one.best_rate))},${line(one.middle)})`,
      });
      const none = basins.filter((one) => one.low === null);
      join(gone, "text.small", none, {
        key: (one) => one.method,
        x: 6,
        y: (one) => line(one.middle + 4),
        text: "none: always below the line",
      });

      place = {
        x: box.left + here,
        y: box.top + box.height,
        rateAt: (pixel) => clamp(RUNGS[rungOf(x.invert(clamp(pixel - box.left, 0, box.width)))], least, most),
        xOf: (lr) => box.left + X(lr),
      };
      ring.attr("cx", line(place.x)).attr("cy", place.y);
    },
  };
}

/* The sides of a bar. Where the grid ends before the basin does, the end is open and an arrow leads on. */
function outline({ low, high, open_low, open_high, middle }, X) {
  const [a, b, top, bottom] = [X(low), X(high), middle - 6, middle + 6].map((value) => Number(value.toFixed(1)));
  const arrow = (at, way) => `M${at + way * 6},${middle - 4}l${way * 4},4l${-way * 4},4`;
  return `M${a},${top}H${b}M${a},${bottom}H${b}${open_low ? arrow(a, -1) : `M${a},${top}V${bottom}`}${open_high ? arrow(b, 1) : `M${b},${top}V${bottom}`}`;
}

/* Learning rates, ticked where they were run; `bare` has no words. */
function ratesScale(rates, width) {
  const make = (text) =>
    Object.assign(logScale([rates[0] / PAD, rates[rates.length - 1] * PAD], [0, width]), {
      ticks: () => rates,
      tickFormat: () => text,
    });
  const scale = make(rate);
  scale.bare = make(() => "");
  return scale;
}

/* One row for each method, named at the left. */
function rowScale(methods, names, height) {
  const each = height / Math.max(1, methods.length);
  return drawable(
    (method) => (methods.indexOf(method) + 0.5) * each,
    [0, height],
    methods,
    (method) => names[method],
  );
}
