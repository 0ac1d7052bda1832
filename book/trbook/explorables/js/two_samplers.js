/* two_samplers: where recorded runs end by the number that is added to their advantages, under a stale and under a
   quantised sampler: two curves that cross. */

import {
  bench,
  calm,
  dashOf,
  drawable,
  drawing,
  hueOf,
  join,
  linearScale,
  stroke,
  textsAt,
  upright,
} from "./parts/common.js";
import style from "./two_samplers/style.css";

const SAMPLERS = [
  { key: "lag 16", look: "late", text: "16 updates stale" },
  { key: "int4", look: "rounded", text: "four bits" },
];
const LAST = 5, // R, which is no shift of A
  LOST = 0.5,
  STABLE = 0.8;
const typed = (push) => push.replace("-", "−");

const PULLS = [
  "On average the update moves away from the sampler.",
  "Advantages have a mean of 0, so that over whole completions they have no pull.",
  "A small mean pull towards the sampler.",
  "A mean pull of 0.3 towards the sampler.",
  "A mean pull of 1, as strong as a reward.",
  "The mean reward is the weight of a pull towards the sampler.",
];

function read({ push }, data) {
  const [stale, quantised] = SAMPLERS.map(({ key }) => data[data.pushes[push]][key][0]),
    how = (value) => (value < LOST ? "collapses" : value < STABLE ? "loses accuracy" : "is stable"),
    alike = how(stale) === how(quantised);
  const title = alike
    ? `Both runs alike: each ${how(stale)}`
    : `The stale run ${how(stale)}, the quantised one ${how(quantised)}`;
  const why = alike
    ? "Neither learns."
    : how(stale) === "is stable"
      ? "Both runs have the same update rule: what differs is the sampler."
      : how(quantised) === "is stable"
        ? "Here the stale run collapses, and the quantised one does not."
        : "It is too little for the stale runs; of the quantised ones, some are stable and some collapse.";
  return { facts: [], verdict: calm(title, `${PULLS[push]} ${why}`) };
}

function board() {
  const picture = drawing(),
    panel = picture.panel();
  const rule = panel.inside.append("path").attr("class", "rule dotted"),
    groups = SAMPLERS.map(() => panel.inside.append("g")),
    words = panel.inside.append("g");
  let least = LAST; // what was not reached yet is for the reader to predict
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 300 : 340),
    draw({ push }, reading, { width, height }, data) {
      least = Math.min(least, push);
      picture.size(width, height);
      const box = panel.place({ width, height, margin: { left: 40, top: 30 } }),
        slot = box.width / data.pushes.length,
        at = (i) => (i + 0.5) * slot,
        y = linearScale([0, 1], [box.height, 0], 5);
      panel.scales(
        drawable(at, [0, box.width], Object.keys(data.pushes).map(Number), (i) =>
          typed(data.pushes[i]).replaceAll(" ", width < 480 ? "" : " "),
        ),
        y,
      );
      panel.titles(
        width < 480
          ? "weight (A: advantage, R: reward), dial, 3e-4"
          : "weight of a completion (A: advantage, R: reward), dial at 3e-4",
        "sampled accuracy at the end",
      );
      rule.attr("d", upright(at(push), box.height));
      SAMPLERS.forEach(({ key, look }, i) => {
        const ends = data.pushes
            .map((label, j) => ({ j, x: at(j) + 5 * (2 * i - 1), end: data[label][key] }))
            .slice(least),
          group = groups[i].style("color", hueOf(look)),
          path = stroke(ends.filter(({ j }) => j < LAST).map(({ x, end }) => [x, y(end[0])]));
        join(group, "path.between", [path], { d: (d) => d, "stroke-dasharray": dashOf(look) || null });
        join(group, "path.interval", ends, {
          d: ({ x, end: [, low, high] }) => `M${x.toFixed(1)},${y(low).toFixed(1)}V${y(high).toFixed(1)}`,
        });
        join(group, "circle.end", ends, {
          r: (d) => (d.j === push ? 7 : 5),
          cx: ({ x }) => x.toFixed(1),
          cy: ({ end }) => y(end[0]).toFixed(1),
        });
      });
      textsAt(
        words,
        "text.name",
        SAMPLERS.map(({ key, ...word }) => ({
          ...word,
          x: least < LAST ? box.width - 6 : at(LAST) - 16, // between the curves, once there are any
          y: least < LAST ? y(key === "int4" ? 0.17 : 0.7) : y(data.R[key][0]) + 4,
          anchor: "end",
        })),
        { style: { fill: ({ look }) => hueOf(look) } },
      );
    },
  };
}

export default bench({
  name: "two_samplers",
  title: "One pull, two samplers",
  opener: true,
  control: "push",
  style,
  settings: (data) => ({
    push: {
      label: "weight",
      spoken: "weight of a completion, from advantages less 0.1 to plain rewards",
      rungs: data.pushes.map((_, i) => i),
      whole: "recorded weights",
      why: "six weights were recorded.",
      write: (push) => typed(data.pushes[push]),
    },
  }),
  read,
  board,
});
