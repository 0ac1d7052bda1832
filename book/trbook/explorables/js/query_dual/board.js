/* Two prompts: the completions of each, right ones and wrong ones, above what each completion should reach. */

import { bareScale, clamp, drawing, linearScale, join, put } from "../parts/common.js";
import { PROMPTS, signed } from "./words.js";

const LOWEST = -6,
  HIGHEST = 3.5,
  STRIP = 34,
  BARS = 176,
  MARGIN = { left: 40, right: 12, top: 24, bottom: 8 };

export const FEWEST = 2,
  MOST = 16;
/** @param {number[]} rewards */
export const rightOf = (rewards) => rewards.filter((reward) => reward >= 0.5).length;
/* The first k of a group are right. */
export const right = (k, of) => Array.from({ length: of }, (_, i) => (i < k ? 1 : 0));

export function board() {
  const picture = drawing(),
    columns = PROMPTS.map((prompt) => column(picture, prompt));
  return {
    node: picture.node,
    height: (width) => (width >= 480 ? 1 : 2) * (MARGIN.top + STRIP + BARS),
    draw(s, { groups }, { width, height }) {
      picture.size(width, height);
      const wide = width >= 480,
        lengths = groups.flatMap((one) => [...one.target, ...one.first, ...one.turned]),
        ends = [
          Math.min(-0.5, Math.max(LOWEST, 1.25 * Math.min(...lengths))),
          Math.max(0.5, Math.min(HIGHEST, 1.7 * Math.max(...lengths))),
        ];
      columns.forEach((one, i) =>
        one.draw(groups[i], ends, {
          left: wide ? (i * width) / 2 : 0,
          top: wide ? 0 : (i * height) / 2,
          width: wide ? width / 2 : width,
        }),
      );
    },
    handle: (i) => columns[i].handle(),
    countAt: (i, x) => columns[i].countAt(x),
    slot: (i) => columns[i].slot(),
  };
}

function column(picture, { name, hue }) {
  const panel = picture.panel(),
    inside = panel.inside,
    heads = inside.append("g"),
    hollow = panel.clipped.append("g"),
    filled = panel.clipped.append("g"),
    ticks = panel.clipped.append("path").attr("class", "turned"),
    zero = inside.append("path").attr("class", "rule"),
    split = inside.append("path").attr("class", "rule dotted"),
    ring = inside.append("circle").attr("class", "ring").attr("r", 7),
    said = inside.append("g"),
    called = inside.append("text").attr("class", "name").style("fill", hue);
  let box = { left: 0, top: 0, width: 1, height: 1 },
    slot = 1,
    count = 0,
    size = 1;
  return {
    handle: () => ({ x: box.left + count * slot, y: box.top - STRIP / 2 }),
    countAt: (x) => clamp(Math.round((x - box.left) / slot), 0, size),
    slot: () => slot,
    draw(one, ends, { left, top, width }) {
      const height = MARGIN.top + STRIP + BARS;
      box = panel.place({ left, top, width, height, margin: { ...MARGIN, top: MARGIN.top + STRIP } });
      size = one.rewards.length;
      slot = box.width / size;
      count = rightOf(one.rewards);
      const y = linearScale(ends, [box.height, 0], 5),
        at = (k) => (k + 0.5) * slot,
        edge = (value) => clamp(y(value), 0, box.height),
        wide = Math.min(24, 0.62 * slot);
      panel.scales(bareScale(box.width), y);
      panel.titles("", "");
      put(called, { x: 0, y: -STRIP - 10, text: `Prompt ${name}: ${one.says}` });
      join(heads, "text.mark", one.rewards, {
        "text-anchor": "middle",
        x: (_, k) => at(k),
        y: -STRIP / 2 + 5,
        text: (reward) => (reward === 1 ? "✓" : reward === 0 ? "✕" : reward.toFixed(1).replace("0.", ".")),
      });
      split.attr("d", `M${(count * slot).toFixed(1)},${-STRIP / 2}V${box.height}`);
      ring.attr("cx", count * slot).attr("cy", -STRIP / 2);
      const bar = (value, k, half) =>
        `M${(at(k) - half).toFixed(1)},${y(0).toFixed(1)}V${edge(value).toFixed(1)}h${(2 * half).toFixed(1)}V${y(0).toFixed(1)}Z`;
      join(filled, "path", one.target, {
        opacity: 0.85,
        d: (value, k) => bar(value, k, wide / 2),
        style: { fill: hue },
      });
      join(hollow, "path.hollow", one.first, { d: (value, k) => bar(value, k, wide / 2 + 2) });
      ticks.attr(
        "d",
        one.turned
          .map((value, k) => `M${(at(k) - wide / 2 - 4).toFixed(1)},${edge(value).toFixed(1)}h${(wide + 8).toFixed(1)}`)
          .join(""),
      );
      zero.attr("d", `M0,${y(0).toFixed(1)}H${box.width}`);
      const words = one.equal
        ? []
        : [one.best, one.worst].map((k) => ({
            k,
            value: one.target[k],
            over: one.target[k] < ends[0] || one.target[k] > ends[1],
            end: (one.target[k] < 0 ? Math.min : Math.max)(one.target[k], one.first[k], one.turned[k]),
          }));
      join(said, "text", words, {
        class: (d) => (d.over ? "small halo over" : "small halo"),
        "text-anchor": (d) => (at(d.k) < 26 ? "start" : at(d.k) > box.width - 26 ? "end" : "middle"),
        x: (d) => clamp(at(d.k), 2, box.width - 2),
        y: (d) => clamp(edge(d.end) + (d.value < 0 ? 14 : -6), 10, box.height - 3),
        text: (d) => `${signed(d.value)}${d.over ? " ↓" : ""}`,
      });
    },
  };
}
