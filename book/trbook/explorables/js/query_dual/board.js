/* Two prompts side by side, rewards above targets; below them both duals, and what each multiplier spends. */

import { clamp, drawing, linearScale, logScale, stroke } from "../parts/common.js";
import { atMultiplier } from "./maths.js";
import { PROMPTS, signed } from "./words.js";

const LAMBDAS = [0.005, 100],
  STEPS = 96,
  LOWEST = -6,
  HIGHEST = 3.5;
const MARGIN = { left: 40, right: 12, top: 24, bottom: 8 },
  BELOW = { ...MARGIN, top: 26, bottom: 40 };
const along = Array.from({ length: STEPS + 1 }, (_, i) => LAMBDAS[0] * (LAMBDAS[1] / LAMBDAS[0]) ** (i / STEPS));

/* Where the panels stand: two columns, or on a phone all below each other. */
function layout(width) {
  const wide = width >= 390,
    column = wide ? width / 2 : width,
    strip = wide ? 84 : 78,
    bars = wide ? 236 : 150,
    low = wide ? 230 : 168;
  const left = (i) => (wide ? i * column : 0),
    top = (i) => (wide ? 0 : i * (strip + bars));
  const under = wide ? strip + bars : 2 * (strip + bars);
  return {
    column,
    strip,
    bars,
    low,
    left,
    top,
    lower: (i) => ({ left: left(i), top: under + (wide ? 0 : i * low) }),
    height: under + (wide ? low : 2 * low),
  };
}

export function board() {
  const picture = drawing();
  const columns = PROMPTS.map((prompt) => prompt_(picture, prompt));
  const curves = [picture.panel(), picture.panel()].map((panel) => ({
    panel,
    rules: panel.inside.append("g"),
    lines: panel.clipped.append("g"),
    dots: panel.inside.append("g"),
  }));
  const shown = {
    node: picture.node,
    height: (width) => layout(width).height,
    draw(s, { groups }, { width, height }) {
      picture.size(width, height);
      const place = layout(width),
        ends = domain(groups);
      columns.forEach((column, i) => column.draw(groups[i], ends, place, i));
      const solved = groups.map((one) =>
        one.equal ? null : along.map((lambda) => atMultiplier(one.rewards, lambda, s.delta, s.direction)),
      );
      below(
        curves[0],
        place.lower(0),
        place,
        {
          titles: ["multiplier λ", "dual, lowest at the root"],
          y: (h) => linearScale([0, 1.6], [h, 0], 4),
          of: (at) => at.dual,
          end: (one) => one.lowest,
        },
        s,
        groups,
        solved,
      );
      const least = Math.min(1e-3, s.delta > 0 ? s.delta / 3 : 1);
      below(
        curves[1],
        place.lower(1),
        place,
        {
          titles: ["multiplier λ", "KL that λ spends; dotted: δ"],
          y: (h) => logScale([least, 5], [h, 0]),
          of: (at) => at.spent,
          end: (one) => one.spent,
          level: s.delta,
        },
        s,
        groups,
        solved,
      );
    },
    headOf: (prompt, i) => columns[prompt].head(i),
    rewardAt: (prompt, y) => columns[prompt].rewardAt(y),
  };
  return shown;
}

/* One axis of log-ratios for both prompts; what lies beyond is written, not drawn. */
function domain(groups) {
  const all = groups.flatMap((one) => [...one.target, ...one.first, ...one.turned]);
  const low = Math.max(LOWEST, 1.25 * Math.min(0, ...all)),
    high = Math.min(HIGHEST, 1.25 * Math.max(0, ...all));
  const room = 0.14 * (high - low); // for the words above and below the bars
  return high - low < 1e-9 ? [-0.5, 0.5] : [Math.min(low, -room), Math.max(high, room)];
}

function prompt_(picture, { name, hue }) {
  const strip = picture.panel(),
    bars = picture.panel();
  const stems = strip.inside.append("path").attr("class", "stems"),
    heads = strip.inside.append("g");
  const filled = bars.inside.append("g"),
    hollow = bars.inside.append("g"),
    ticks = bars.inside.append("path").attr("class", "turned");
  const zero = bars.inside.append("path").attr("class", "rule"),
    said = bars.inside.append("g");
  let box = { left: 0, top: 0, height: 1 },
    up = null,
    at = null;
  return {
    head: (i) => ({ x: box.left + at(i), y: box.top + up(i === undefined ? 0 : heads.selectAll("circle").data()[i]) }),
    rewardAt: (y) => clamp(up.invert(y - box.top), 0, 1),
    draw(one, ends, place, i) {
      const n = one.rewards.length;
      box = strip.place({
        left: place.left(i),
        top: place.top(i),
        width: place.column,
        height: place.strip,
        margin: MARGIN,
      });
      const lower = bars.place({
        left: place.left(i),
        top: place.top(i) + place.strip,
        width: place.column,
        height: place.bars,
        margin: { ...MARGIN, top: 26 },
      });
      const slot = box.width / n;
      at = (k) => (k + 0.5) * slot;
      up = linearScale([0, 1], [box.height, 0], 1);
      const none = bare(box.width),
        y = linearScale(ends, [lower.height, 0], 5);
      strip.scales(none, up);
      strip.titles("", `prompt ${name}: ${one.says}`);
      bars.scales(none, y);
      bars.titles("", "target log π/μ, nats");
      stems.attr(
        "d",
        one.rewards.map((reward, k) => `M${at(k).toFixed(1)},${box.height}V${up(reward).toFixed(1)}`).join(""),
      );
      heads
        .selectAll("circle")
        .data(one.rewards)
        .join("circle")
        .attr("class", "dot")
        .attr("r", Math.min(6, slot / 2.6))
        .style("fill", hue)
        .attr("cx", (_, k) => at(k))
        .attr("cy", up);
      const wide = Math.min(24, 0.62 * slot),
        edge = (value) => clamp(y(value), 0, lower.height);
      const bar = (value, k, half) =>
        `M${(at(k) - half).toFixed(1)},${y(0).toFixed(1)}V${edge(value).toFixed(1)}h${(2 * half).toFixed(1)}V${y(0).toFixed(1)}Z`;
      filled
        .selectAll("path")
        .data(one.target)
        .join("path")
        .style("fill", hue)
        .attr("opacity", 0.85)
        .attr("d", (value, k) => bar(value, k, wide / 2));
      hollow
        .selectAll("path")
        .data(one.first)
        .join("path")
        .attr("class", "hollow")
        .attr("d", (value, k) => bar(value, k, wide / 2 + 2));
      ticks.attr(
        "d",
        one.turned
          .map((value, k) => `M${(at(k) - wide / 2 - 4).toFixed(1)},${edge(value).toFixed(1)}h${(wide + 8).toFixed(1)}`)
          .join(""),
      );
      zero.attr("d", `M0,${y(0).toFixed(1)}H${lower.width}`);
      const words = one.equal
        ? []
        : [one.best, one.worst].map((k) => ({
            k,
            value: one.target[k],
            over: one.target[k] < ends[0] || one.target[k] > ends[1],
            end: (one.target[k] < 0 ? Math.min : Math.max)(one.target[k], one.first[k], one.turned[k]),
          }));
      said
        .selectAll("text")
        .data(words)
        .join("text")
        .attr("class", (d) => (d.over ? "small halo over" : "small halo"))
        .attr("text-anchor", (d) => (at(d.k) < 26 ? "start" : at(d.k) > lower.width - 26 ? "end" : "middle"))
        .attr("x", (d) => clamp(at(d.k), 2, lower.width - 2))
        .attr("y", (d) => clamp(edge(d.end) + (d.value < 0 ? 14 : -6), 10, lower.height - 3))
        .text((d) => `${signed(d.value)}${d.over ? " ↓" : ""}`);
    },
  };
}

/* One of the two lower panels: a curve for each prompt and a dot where its multiplier stands. */
function below(
  { panel, rules, lines, dots },
  { left, top },
  place,
  { titles, y: scale, of, end, level = undefined },
  s,
  groups,
  solved,
) {
  const box = panel.place({ left, top, width: place.column, height: place.low, margin: BELOW });
  const x = logScale(LAMBDAS, [0, box.width]),
    y = scale(box.height),
    floor = s.direction === "backward" ? [x(s.lambda_min)] : [];
  panel.scales(x, y);
  panel.titles(...titles);
  const paths = [
    ...floor.map((at) => `M${at.toFixed(1)},0V${box.height}`),
    ...(level > 0 ? [`M0,${y(level).toFixed(1)}H${box.width}`] : []),
  ];
  rules
    .selectAll("path")
    .data(paths)
    .join("path")
    .attr("class", "rule dotted")
    .attr("d", (d) => d);
  lines
    .selectAll("path")
    .data(PROMPTS.map((prompt, i) => ({ prompt, curve: solved[i] })).filter(({ curve }) => curve))
    .join("path")
    .attr("class", "line")
    .attr("stroke", (d) => d.prompt.hue)
    .attr("stroke-dasharray", (d) => d.prompt.dash || null)
    .attr("d", (d) => stroke(d.curve.map((found, k) => [x(along[k]), clamp(y(of(found)), -50, box.height + 50)])));
  const roots = groups
    .map((one, i) => ({ one, prompt: PROMPTS[i] }))
    .filter(({ one }) => !one.equal && one.multiplier < Infinity);
  dots
    .selectAll("circle")
    .data(roots)
    .join("circle")
    .attr("class", (d) => (d.one.floored ? "root floored" : "root"))
    .attr("r", 6)
    .style("--hue", (d) => d.prompt.hue)
    .attr("cx", (d) => x(clamp(d.one.multiplier, ...LAMBDAS)))
    .attr("cy", (d) => clamp(y(end(d.one)), 0, box.height));
}

/* An axis without ticks: completions are told apart by their place. */
function bare(width) {
  const scale = (value) => value;
  return Object.assign(scale, {
    range: () => [0, width],
    copy: () => scale,
    ticks: () => [],
    tickFormat: () => String,
  });
}
