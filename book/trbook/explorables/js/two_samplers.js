/* two_samplers: where recorded runs end by the number that is added to their advantages, under a stale and under a
   quantised sampler. */

import {
  bench,
  calm,
  clamp,
  dashOf,
  drawable,
  drawing,
  fail,
  hueOf,
  join,
  linearScale,
  stroke,
  textsAt,
  upright,
} from "./parts/common.js";
import style from "./two_samplers/style.css";

const SAMPLERS = [
  {
    key: "lag 16",
    look: "late",
    name: "16 updates stale",
    text: "16 updates stale",
    at: 4,
    right: 0,
    below: 26,
    anchor: "middle",
  },
  {
    key: "int4",
    look: "rounded",
    name: "quantised, four bits",
    text: "four bits",
    at: 1,
    right: 16,
    below: 4,
    anchor: "start",
  },
];
const LAST = 5, // R, which is no shift of A
  LOST = 0.5,
  HOLDS = 0.8;
const typed = (push) => push.replace("-", "−");
const named = (push) => (push < LAST ? "" : "R: no baseline at all");
const written = (value) => value.toFixed(2);
const ended = ([value, low, high]) => `${written(value)} [${written(low)}, ${written(high)}]`;

const settings = (data) => ({
  center: {
    legend: "The update",
    choices: [
      [false, "as it is"],
      [true, "centered"],
    ],
  },
  measure: {
    legend: "Accuracy",
    choices: [
      ["sampled", "sampled"],
      ["greedy", "greedy"],
    ],
  },
  push: {
    label: "weight",
    spoken: "weight of a completion, from advantages less 0.1 to plain rewards",
    rungs: data.pushes.map((_, i) => i),
    whole: "recorded weights",
    why: "six weights were recorded.",
    write: (push) => typed(data.pushes[push]),
  },
});

function read({ push, center, measure }, data) {
  const label = data.pushes[push],
    plain = SAMPLERS.map(({ key }) => data[label][key][measure]),
    centered = SAMPLERS.map(({ key }) => data[`${label}, centered`]?.[key][measure]);
  const facts = SAMPLERS.flatMap(({ look, name }, i) => [
    [name, ended(plain[i]), hueOf(look), dashOf(look)],
    ...(center ? [[`${name}, centered`, centered[i] ? ended(centered[i]) : "not run", hueOf(look)]] : []),
  ]);
  return { facts, verdict: verdict(typed(label), push, center, center && centered[0] ? centered : plain, centered[0]) };
}

const PULLS = [
  "On average the update moves away from the sampler.",
  "Advantages have a mean of 0, so that over whole completions they have no pull.",
  "A small mean pull towards the sampler.",
  "A mean pull of 0.3 towards the sampler.",
  "A mean pull of 1, as strong as a reward.",
  "The mean reward is the weight of a pull towards the sampler.",
];

function verdict(label, push, center, ends, run) {
  if (center && !run)
    return calm(`${label}, centered, was not run`, "Open circles stand where it was: at A, A + 0.3 and R.");
  const [stale, quantised] = ends.map(([value]) => value),
    how = (value) => (value < LOST ? "collapses" : value < HOLDS ? "loses accuracy" : "is stable");
  const title =
    how(stale) === how(quantised)
      ? `Both runs alike: each ${how(stale)}`
      : `The stale run ${how(stale)}, the quantised one ${how(quantised)}`;
  const pull = center ? "The mean update of every token is taken away: more than the pull." : PULLS[push];
  const why =
    how(stale) === "is stable"
      ? "Both runs have the same update rule: what differs is the sampler."
      : how(quantised) === "is stable"
        ? "Here the stale run collapses, and the quantised one does not."
        : "It is too little for the stale runs; of the quantised ones, some are stable and some collapse.";
  return (Math.min(stale, quantised) < HOLDS ? fail : calm)(title, `${pull} ${push ? why : "Neither learns."}`);
}

function board() {
  const picture = drawing(),
    panel = picture.panel();
  const rule = panel.inside.append("path").attr("class", "rule dotted"),
    groups = SAMPLERS.map(() => panel.inside.append("g")),
    words = panel.inside.append("g"),
    ring = panel.inside.append("circle").attr("class", "ring").attr("r", 7);
  const shown = {
    node: picture.node,
    height: (width) => (width < 480 ? 300 : 340),
    draw({ push, center, measure }, reading, { width, height }, data) {
      picture.size(width, height);
      const box = panel.place({ width, height, margin: { left: 40, top: 30 } }),
        slot = box.width / data.pushes.length,
        at = (i) => (i + 0.5) * slot,
        y = linearScale([0, 1], [box.height, 0], 5);
      panel.scales(
        drawable(at, [0, box.width], Object.keys(data.pushes).map(Number), (i) => typed(data.pushes[i])),
        y,
      );
      panel.titles(
        width < 480 ? "weight, dial at 3e-4" : "weight of a completion (A: advantage, R: reward), dial at 3e-4",
        `${measure} accuracy at the end`,
      );
      rule.attr("d", upright(at(push), box.height));
      SAMPLERS.forEach(({ key, look }, i) => {
        const of = (suffix) =>
          data.pushes.flatMap((label, j) => {
            const end = data[label + suffix]?.[key][measure];
            return end ? [{ j, x: at(j) + 5 * (2 * i - 1), end, open: suffix !== "" }] : [];
          });
        const plain = of(""),
          ends = center ? [...plain, ...of(", centered")] : plain,
          group = groups[i].style("color", hueOf(look));
        const path = stroke(plain.slice(0, LAST).map(({ x, end }) => [x, y(end[0])]));
        const faded = ({ open }) => (center && !open ? "faded" : "");
        join(group, "path.between", [path], { d: (d) => d, "stroke-dasharray": dashOf(look) || null });
        join(group, "path.interval", ends, {
          class: (d) => `interval ${faded(d)}`,
          d: ({ x, end: [, low, high] }) => `M${x.toFixed(1)},${y(low).toFixed(1)}V${y(high).toFixed(1)}`,
        });
        join(group, "circle.end", ends, {
          class: (d) => `end ${d.open ? "open" : faded(d)}`,
          r: (d) => (d.j === push ? 7 : 5),
          cx: ({ x }) => x.toFixed(1),
          cy: ({ end }) => y(end[0]).toFixed(1),
        });
      });
      textsAt(
        words,
        "text.name",
        SAMPLERS.map(({ key, at: j, right, below, ...word }) => ({
          ...word,
          x: at(j) + right,
          y: y(data[data.pushes[j]][key][measure][0]) + below,
        })),
        { style: { fill: ({ look }) => hueOf(look) } },
      );
      ring.attr("cx", at(push)).attr("cy", box.height);
      Object.assign(shown, {
        place: { x: box.left + at(push), y: box.top + box.height },
        pushAt: (pixel) => clamp(Math.floor((pixel - box.left) / slot), 0, LAST),
      });
    },
  };
  return shown;
}

const stale = (data, label) => data[label]["lag 16"].sampled[0];

export default bench({
  name: "two_samplers",
  title: "One pull, two samplers",
  style,
  settings,
  read,
  board,
  openers: { cross: { control: "push" } },
  hint: "Drag the ring from plain rewards (R) to advantages (A), and watch both samplers.",
  presets: [
    {
      name: "make it fail: plain rewards",
      state: { push: LAST, center: false },
      text: "What to notice: the update rule is the same, and one run ends highest of all while the other collapses. What differs is the sampler alone.",
    },
    {
      name: "advantages",
      state: { push: 1, center: false },
      text: "What to notice: the two have changed places. Subtracting the mean of the group took the pull of whole completions away.",
    },
    {
      name: "a little pull",
      state: { push: 2, center: false },
      text: "What to notice: a tenth of a reward helps with the stale sampler. Of the runs with the quantised one some are stable and some collapse: the interval is wide.",
    },
    {
      name: "centered rewards",
      state: { push: LAST, center: true },
      text: "What to notice: open circles stand where filled ones stood for the other sampler. Centering takes away the mean update of every token, which is more than the pull.",
    },
  ],
  question: {
    text: "Sixteen updates stale, plain rewards end at 0.98. Center them, which subtracts the mean update at every token: where do they end?",
    options: [
      ["high", "about as high"],
      ["between", "between 0.5 and 0.9"],
      ["low", "below 0.5"],
    ],
    right: (data) => {
      const end = stale(data, "R, centered");
      return end < LOST ? "low" : end < 0.9 ? "between" : "high";
    },
    why: "They end at 0.10, and the run with the quantised sampler, which collapses without centering, is stable at 0.96. A conjecture: without a ratio only the mean update depends on the policy as it is now, so that without it no part of the update depends on how far the policy has moved.",
    state: { push: LAST, center: true },
  },
  handles: ({ push }, reading, size, data, shown) => [
    {
      label: "Weight",
      words: `${typed(data.pushes[push])} ${named(push)}`.trim(),
      ...shown.place,
      move: (x) => ({ push: shown.pushAt(x) }),
    },
  ],
});
