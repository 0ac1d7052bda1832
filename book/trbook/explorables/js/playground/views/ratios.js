/* How far the policy has moved from the one that sampled, update by update within a batch: the spread of the ratio. */

import { linear, linearScale, logScale } from "../../parts/common.js";
import { cells, idle, paths, short, stamped } from "./shared.js";

export const title = "Ratios";
export const about =
  "New probability over the one that sampled, for the tokens of each update. Box: the middle half; thin line: 5 % to 95 %; dots: the farthest.";

const HEIGHT = 170,
  WIDEST = [0.05, 20];

export function create(root, { changed }) {
  const waiting = idle("Nothing here yet: ratios are known from the first update on.");
  root.append(waiting);
  const parts = cells(root, HEIGHT, changed);

  function draw(lanes) {
    const some = lanes
      .filter(({ updates }) => updates.all.length)
      .map((lane) => ({ ...lane, title: lane.updates.title })); // as the batch was sampled
    waiting.hidden = some.length > 0;
    if (!some.length) return parts.each([], () => {});
    const spread = reach(some);
    parts.each(some, (cell, lane) => boxes(cell, lane, spread), { margin: { bottom: 40 } });
  }

  return { draw, free: parts.release };
}

/* One scale for all lanes: at least from half to twice, in powers of two, so that it seldom moves. */
function reach(lanes) {
  let far = 1;
  for (const { updates } of lanes) {
    for (const { ratio } of updates.all)
      if (ratio.length) far = Math.max(far, Math.log2(ratio[5]), -Math.log2(ratio[1]));
  }
  const side = 2 ** Math.max(1, Math.ceil(far));
  return [Math.max(WIDEST[0], 1 / side), Math.min(WIDEST[1], side)];
}

/** @param {any} cell @param {any} lane @param {number[]} spread */
function boxes(cell, lane, [low, high]) {
  const { width, height } = cell.size,
    of = Math.max(...lane.updates.all.map((one) => one.of));
  const x = linear([0.5, of + 0.5], [0, width]),
    y = logScale([low, high], [height, 0]);
  const axis = linearScale([0.5, of + 0.5], [0, width]),
    ticks = whole(of);
  Object.assign(axis, { ticks: () => ticks, tickFormat: () => String });
  cell.panel.axes(`${of} ${low} ${high} ${cell.width}`, axis, y);
  cell.panel.titles("update of the batch", "");
  cell.one ??= paths(cell.panel.inside, "pv-guide pv-one");
  cell.marks ??= paths(cell.panel.clipped, "pv-spread");
  cell.one.of("one").put({ d: `M0,${y(1).toFixed(1)}H${width}` });
  const drawn = { "pv-thin": "", "pv-box": "", "pv-median": "", "pv-far": "" },
    side = Math.min(10, (0.36 * width) / of);
  for (const { number, ratio } of lane.updates.all) {
    if (!ratio.length) continue;
    const [least, five, quarter, median, three, most95, most] = ratio.map((r) => y(r).toFixed(1)),
      at = x(number);
    drawn["pv-thin"] += `M${at.toFixed(1)},${five}V${most95}`;
    drawn["pv-box"] += `M${(at - side).toFixed(1)},${quarter}V${three}h${(2 * side).toFixed(1)}V${quarter}Z`;
    drawn["pv-median"] += `M${(at - side).toFixed(1)},${median}h${(2 * side).toFixed(1)}`;
    for (const end of [least, most]) drawn["pv-far"] += `M${at.toFixed(1)},${end}h.01`;
  }
  for (const [kind, d] of Object.entries(drawn)) {
    const fill = kind === "pv-box" ? { fill: lane.colour } : {};
    stamped(cell.marks.of(kind), lane.updates, { class: `pv-spread ${kind}`, stroke: lane.colour, d, ...fill });
  }
  cell.note.textContent = summary(lane.updates.all);
}

const whole = (of) =>
  Array.from({ length: of }, (_, i) => i + 1).filter((k) => of <= 8 || k === 1 || k % (of > 24 ? 8 : 4) === 0);
const share = (kept) => (Number.isFinite(kept) ? `${(100 * kept).toFixed(0)} %` : "–");

function summary(updates) {
  const some = updates.filter(({ ratio }) => ratio.length),
    idle = updates.length - some.length;
  if (!some.length) return "nothing to learn from: no advantage in any group";
  const first = some[0],
    last = some.at(-1);
  if (first.of === 1) return "one update: every ratio is 1, nothing can be clipped";
  return `${idle ? `${idle} of ${updates.length} updates had no advantage to learn from; ` : ""}kept ${share(first.kept)} → ${share(last.kept)}, KL ${short(first.kl)} → ${short(last.kl)} nats per token`;
}
