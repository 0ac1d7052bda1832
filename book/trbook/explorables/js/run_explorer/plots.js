/* The two drawings: curves over batches with their bands, and accuracy against nats with both intervals. */

import { area, line } from "d3-shape";
import { clamp, drawing, linearScale, logScale, MARGIN, join, meets } from "../parts/common.js";
import { called, measureOf } from "./looks.js";

const FAINT = 0.22;

/* A drawing of one panel. */
function board() {
  const picture = drawing(),
    panel = picture.panel();
  return {
    node: picture.node,
    inside: panel.inside,
    scales: panel.scales,
    titles: panel.titles,
    fit(width, height) {
      const size = panel.place({ width, height });
      picture.size(size.width + MARGIN.left + MARGIN.right, height);
      return size;
    },
  };
}

/* The scale of a measure over a sweep: fixed ends where the measure has some, else what the sweep reaches. */
export function measureScale(name, [least, most], range) {
  const { from, to, log } = measureOf(name);
  if (!(least <= most)) return linearScale([0, 1], range);
  if (log) return logScale([Math.max(least, 1e-7), Math.max(most, 2e-7)], range);
  const low = from ?? Math.min(least, 0.98 * (to ?? most)),
    high = to ?? most;
  return linearScale([low, high > low ? high : low + 1], range);
}

/* Curves over batches. draw({ arms: [{ method, curve, look, faint }], batches, measure, reach, width, height }). */
export function curvePlot() {
  const frame = board(),
    { inside } = frame;
  const bands = inside.append("g"),
    lines = inside.append("g"),
    marks = inside.append("g");
  const cursor = inside.append("path").attr("class", "cursor"),
    dots = inside.append("g");
  const plot = { node: frame.node, batchAt: (_pixel) => 0 };
  let shown = null;
  plot.draw = ({ arms, batches, measure, reach, width, height }) => {
    const size = frame.fit(width, height);
    const x = linearScale([0, Math.max(1, batches - 1)], [0, size.width], width < 420 ? 4 : 7);
    const y = measureScale(measure, reach, [size.height, 0]);
    frame.scales(x, y);
    frame.titles("batch", measureOf(measure).text);
    const measured = (row) => (_, i) => row[i] !== null;
    const ribbon = (c) =>
      area()
        .digits(1)
        .x((_, i) => x(i))
        .y0((_, i) => y(c.low[i]))
        .y1((_, i) => y(c.high[i]))
        .defined(measured(c.mean))(c.mean);
    const stroke = (c) =>
      line()
        .digits(1)
        .x((_, i) => x(i))
        .y((_, i) => y(c.mean[i]))
        .defined(measured(c.mean))(c.mean);
    const key = (arm) => arm.method;
    const banded = arms.filter((arm) => !arm.faint && arm.curve.low.some((v) => v !== null));
    join(bands, "path.band", banded, { key, fill: (arm) => arm.look.hue, d: (arm) => ribbon(arm.curve) });
    join(lines, "path.line", arms, {
      key,
      stroke: (arm) => arm.look.hue,
      "stroke-dasharray": (arm) => arm.look.dash || null,
      opacity: (arm) => (arm.faint ? FAINT : null),
      d: (arm) => stroke(arm.curve),
    });
    const marked = arms.flatMap((arm, i) => places(arm, i, arms.length, batches).map((at) => ({ arm, at })));
    join(marks, "path.mark", marked, {
      d: ({ arm }) => arm.look.mark,
      fill: ({ arm }) => arm.look.hue,
      opacity: ({ arm }) => (arm.faint ? FAINT : null),
      transform: ({ arm, at }) => `translate(${x(at).toFixed(1)},${y(arm.curve.mean[at]).toFixed(1)})`,
    });
    plot.batchAt = (pixel) => clamp(Math.round(x.invert(pixel - MARGIN.left)), 0, batches - 1);
    shown = { arms, x, y, height: size.height };
  };
  plot.cursor = (batch) => {
    const { arms, x, y, height } = shown,
      at = x(batch);
    cursor.attr("d", `M${at.toFixed(1)},0V${height}`);
    const there = arms.filter((arm) => arm.curve.mean[batch] !== null && !arm.faint);
    join(dots, "circle.dot", there, {
      key: (arm) => arm.method,
      r: 3.5,
      fill: (arm) => arm.look.hue,
      cx: at.toFixed(1),
      cy: (arm) => y(arm.curve.mean[batch]).toFixed(1),
    });
  };
  return plot;
}

/* Where a curve carries its mark: three places of its own, so that marks of several curves do not meet. */
function places(arm, i, count, batches) {
  return [0.3, 0.6, 0.9]
    .map((part) => Math.round((part + (0.25 * (i - count / 2)) / Math.max(count, 1)) * (batches - 1)))
    .filter((at) => at >= 0 && at < batches && arm.curve.mean[at] !== null);
}

/* Final accuracy against the nats that were spent, an interval each way. draw({ arms: [{ method, look, faint, accuracy, nats }], ... }). */
export function scatterPlot() {
  const frame = board(),
    { inside } = frame;
  const bars = inside.append("g"),
    marks = inside.append("g"),
    words = inside.append("g");
  const plot = { node: frame.node };
  plot.draw = ({ arms, reach: [least, most], width, height }) => {
    const size = frame.fit(width, height);
    const x = logScale([least, most > least ? most : 10 * least], [0, size.width]),
      y = linearScale([0, 1], [size.height, 0]);
    frame.scales(x, y);
    frame.titles("nats per token spent in the whole run", "final accuracy");
    const cross = ({ nats, accuracy }) => {
      const cx = x(nats[0]).toFixed(1),
        cy = y(accuracy[0]).toFixed(1);
      const flat = nats[1] === null ? "" : `M${x(nats[1]).toFixed(1)},${cy}H${x(nats[2]).toFixed(1)}`;
      const tall = accuracy[1] === null ? "" : `M${cx},${y(accuracy[1]).toFixed(1)}V${y(accuracy[2]).toFixed(1)}`;
      return flat + tall;
    };
    const placed = arms.filter((arm) => arm.nats?.[0] > 0 && arm.accuracy);
    join(bars, "path.bar", placed, {
      key: (arm) => arm.method,
      stroke: (arm) => arm.look.hue,
      opacity: (arm) => (arm.faint ? FAINT : null),
      d: cross,
    });
    join(marks, "path.mark", placed, {
      key: (arm) => arm.method,
      d: (arm) => arm.look.mark,
      fill: (arm) => arm.look.hue,
      opacity: (arm) => (arm.faint ? FAINT : null),
      transform: (arm) => `translate(${x(arm.nats[0]).toFixed(1)},${y(arm.accuracy[0]).toFixed(1)})`,
    });
    const beside = named(
      placed.filter((arm) => !arm.faint),
      x,
      y,
      size,
    );
    join(words, "text.name.halo", beside, {
      key: (d) => d.method,
      "text-anchor": (d) => d.anchor,
      x: (d) => d.x.toFixed(1),
      y: (d) => d.y.toFixed(1),
      text: (d) => called(d.method),
    });
  };
  return plot;
}

/* Names beside their marks, where there is room: right of it, left of it, above, below; else none. */
function named(arms, x, y, { width, height }) {
  const taken = arms.map((arm) => ({ x: x(arm.nats[0]), y: y(arm.accuracy[0]), width: 12, height: 12 })),
    found = [];
  for (const arm of arms) {
    const cx = x(arm.nats[0]),
      cy = y(arm.accuracy[0]),
      wide = 6.6 * called(arm.method).length + 4;
    for (const [dx, dy, anchor] of /** @type {[number, number, string][]} */ ([
      [9, 4, "start"],
      [-9, 4, "end"],
      [0, -11, "middle"],
      [0, 19, "middle"],
    ])) {
      const middle = cx + dx + { start: wide / 2, end: -wide / 2, middle: 0 }[anchor],
        room = { x: middle, y: cy + dy - 4, width: wide, height: 14 };
      const inside = Math.abs(middle - width / 2) <= (width - wide) / 2 && room.y >= 7 && room.y <= height - 7;
      if (!inside || taken.some((other) => meets(room, other, 0))) continue;
      taken.push(room);
      found.push({ method: arm.method, x: cx + dx, y: cy + dy, anchor });
      break;
    }
  }
  return found;
}
