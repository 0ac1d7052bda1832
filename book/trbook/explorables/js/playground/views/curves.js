/* Learning curves of all lanes, one above the other: faint points are batches, lines are means of the last ten. */

import { drawing, h, linearScale, logScale } from "../../parts/common.js";
import { above, batchEnd, batchScale, hundredth, legend, paths, plot, pointsOf, pathOf, short, smoothed } from "./shared.js";

export const title = "Curves";
export const about = "Points are single batches, lines the means of the last ten.";

const share = (low) => (range) => linearScale([low, 1], range, 4);
const upTo = (high) => (range) => linearScale([0, high], range, 4);

/* By key of a row: what stands above its panel, and its scale for what the lanes reach: [key, range -> scale]. */
const PANELS = {
  reward: { text: "reward", scale: () => ["", share(0)] },
  kl: { text: "KL, nats per token", scale: (least, most) => {
    const low = Math.floor(Math.log10(Math.max(least, 1e-6))), high = Math.max(low + 1, Math.ceil(Math.log10(Math.max(most, 1e-5))));
    return [`${low} ${high}`, (range) => logScale([10 ** low, 10 ** high], range)];
  } },
  kept: { text: "share of tokens kept", scale: (least) => {
    const low = Math.min(0.9, Math.floor(10 * least) / 10 || 0);
    return [low, share(low)];
  } },
  entropy: { text: "entropy, nats per token", scale: (_, most) => [above(most), upTo(above(most))] },
  length: { text: "length, tokens", scale: (_, most) => [above(most), upTo(above(most))] },
};
const KEYS = Object.keys(PANELS), WIDE = 620, TALL = 190, LOW = 128;

export function create(root) {
  const names = legend(), picture = drawing();
  const panels = KEYS.map((key) => {
    const panel = plot(picture.panel());
    return { key, panel, points: paths(panel.clipped, "pv-points"), lines: paths(panel.clipped, "pv-line") };
  });
  root.classList.add("pv");
  root.append(names.el, h("div", { class: "pv-plane" }, picture.node));
  let width = 0, sizes = [], shown = [];

  const place = () => {
    width = root.clientWidth;
    const wide = width >= WIDE, half = Math.floor(width / 2), quarter = wide ? Math.floor(half / 2) : half;
    picture.size(width, wide ? 2 * LOW + 50 : TALL + 2 * LOW + 56);
    sizes = panels.map(({ key, panel }, i) => {
      panel.titles(key === "reward" ? "batch" : "", PANELS[key].text);
      const margin = { left: 42, right: 12, top: 24, bottom: key === "reward" ? 40 : 24 };
      if (!i) return panel.place({ width: wide ? half : width, height: wide ? 2 * LOW + 50 : TALL, margin });
      const [row, column] = [Math.floor((i - 1) / 2), (i - 1) % 2];
      return panel.place({ left: (wide ? half : 0) + column * quarter, top: (wide ? 0 : TALL + 6) + row * (LOW + 25), width: quarter,
        height: LOW + 25, margin });
    });
  };

  function draw(lanes) {
    shown = lanes;
    if (!root.clientWidth) return;
    if (width !== root.clientWidth) place();
    const count = Math.max(1, ...lanes.map(({ rows }) => rows.length));
    for (const [i, one] of panels.entries()) lay(one, sizes[i], lanes, count);
    names.show(lanes, ({ rows }) => (rows.length ? `reward ${hundredth(smoothed(rows.map(({ reward }) => reward)).at(-1))}, `
      + `KL ${short(rows.at(-1).kl)}` : "no batch yet"));
  }

  function lay({ key, panel, points, lines }, size, lanes, count) {
    const values = lanes.map(({ rows }) => rows.map((row) => row[key])), [least, most] = reach(values);
    const [name, scale] = PANELS[key].scale(least, most);
    const x = batchScale(count, size, size.width > 260), y = scale([size.height, 0]);
    panel.axes(`${batchEnd(count)} ${name} ${width}`, x, y);
    lanes.forEach((lane, i) => {
      points.of(lane.name).attr("stroke", lane.colour).attr("d", pointsOf(values[i], x, y));
      lines.of(lane.name).attr("stroke", lane.colour).attr("stroke-dasharray", lane.dash || null)
        .attr("d", pathOf(smoothed(values[i]), x, y));
    });
    const kept = lanes.map((lane) => lane.name);
    points.keep(kept);
    lines.keep(kept);
  }

  return { draw, resize: () => draw(shown), free: () => root.replaceChildren() };
}

/* The least above 0 and the most of all lanes. */
function reach(all) {
  let least = Infinity, most = 0;
  for (const values of all) {
    for (const value of values) {
      if (value > 0 && value < least) least = value;
      if (value > most) most = value;
    }
  }
  return [least === Infinity ? 1 : least, most];
}
