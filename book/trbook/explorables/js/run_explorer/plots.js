/* The two drawings: curves over batches with their bands, and accuracy against nats with both intervals. */

import { area, line } from "d3-shape";
import { clamp, drawing, linearScale, logScale, MARGIN } from "../parts/common.js";
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
    bands
      .selectAll("path")
      .data(
        arms.filter((arm) => !arm.faint && arm.curve.low.some((v) => v !== null)),
        key,
      )
      .join("path")
      .attr("class", "band")
      .attr("fill", (arm) => arm.look.hue)
      .attr("d", (arm) => ribbon(arm.curve));
    lines
      .selectAll("path")
      .data(arms, key)
      .join("path")
      .attr("class", "line")
      .attr("stroke", (arm) => arm.look.hue)
      .attr("stroke-dasharray", (arm) => arm.look.dash || null)
      .attr("opacity", (arm) => (arm.faint ? FAINT : null))
      .attr("d", (arm) => stroke(arm.curve));
    marks
      .selectAll("path")
      .data(arms.flatMap((arm, i) => places(arm, i, arms.length, batches).map((at) => ({ arm, at }))))
      .join("path")
      .attr("class", "mark")
      .attr("d", ({ arm }) => arm.look.mark)
      .attr("fill", ({ arm }) => arm.look.hue)
      .attr("opacity", ({ arm }) => (arm.faint ? FAINT : null))
      .attr("transform", ({ arm, at }) => `translate(${x(at).toFixed(1)},${y(arm.curve.mean[at]).toFixed(1)})`);
    plot.batchAt = (pixel) => clamp(Math.round(x.invert(pixel - MARGIN.left)), 0, batches - 1);
    shown = { arms, x, y, height: size.height };
  };
  plot.cursor = (batch) => {
    const { arms, x, y, height } = shown,
      at = x(batch);
    cursor.attr("d", `M${at.toFixed(1)},0V${height}`);
    dots
      .selectAll("circle")
      .data(
        arms.filter((arm) => arm.curve.mean[batch] !== null && !arm.faint),
        (arm) => arm.method,
      )
      .join("circle")
      .attr("r", 3.5)
      .attr("class", "dot")
      .attr("fill", (arm) => arm.look.hue)
      .attr("cx", at.toFixed(1))
      .attr("cy", (arm) => y(arm.curve.mean[batch]).toFixed(1));
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
    bars
      .selectAll("path")
      .data(placed, (arm) => arm.method)
      .join("path")
      .attr("class", "bar")
      .attr("stroke", (arm) => arm.look.hue)
      .attr("opacity", (arm) => (arm.faint ? FAINT : null))
      .attr("d", cross);
    marks
      .selectAll("path")
      .data(placed, (arm) => arm.method)
      .join("path")
      .attr("class", "mark")
      .attr("d", (arm) => arm.look.mark)
      .attr("fill", (arm) => arm.look.hue)
      .attr("opacity", (arm) => (arm.faint ? FAINT : null))
      .attr("transform", (arm) => `translate(${x(arm.nats[0]).toFixed(1)},${y(arm.accuracy[0]).toFixed(1)})`);
    words
      .selectAll("text")
      .data(
        named(
          placed.filter((arm) => !arm.faint),
          x,
          y,
          size,
        ),
        (d) => d.method,
      )
      .join("text")
      .attr("class", "name halo")
      .attr("text-anchor", (d) => d.anchor)
      .attr("x", (d) => d.x.toFixed(1))
      .attr("y", (d) => d.y.toFixed(1))
      .text((d) => called(d.method));
  };
  return plot;
}

/* Names beside their marks, where there is room: right of it, left of it, above, below; else none. */
function named(arms, x, y, { width, height }) {
  const taken = arms.map((arm) => box(x(arm.nats[0]), y(arm.accuracy[0]), 12, 12)),
    found = [];
  for (const arm of arms) {
    const cx = x(arm.nats[0]),
      cy = y(arm.accuracy[0]),
      wide = 6.6 * called(arm.method).length + 4;
    for (const [dx, dy, anchor] of [
      [9, 4, "start"],
      [-9, 4, "end"],
      [0, -11, "middle"],
      [0, 19, "middle"],
    ]) {
      const left = anchor === "start" ? cx + dx : anchor === "end" ? cx + dx - wide : cx - wide / 2;
      const room = { left, right: left + wide, top: cy + dy - 11, bottom: cy + dy + 3 };
      if (
        room.left < 0 ||
        room.right > width ||
        room.top < 0 ||
        room.bottom > height ||
        taken.some((other) => meets(room, other))
      )
        continue;
      taken.push(room);
      found.push({ method: arm.method, x: cx + dx, y: cy + dy, anchor });
      break;
    }
  }
  return found;
}
const box = (x, y, width, height) => ({
  left: x - width / 2,
  right: x + width / 2,
  top: y - height / 2,
  bottom: y + height / 2,
});
const meets = (a, b) => a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;
