/* projection: one token's old, new and projected distribution, and the gradient on every logit. */

import {
  IDEAS,
  bench,
  clamp,
  called,
  dashOf,
  drawing,
  h,
  hueOf,
  isListOf,
  linearScale,
  logScale,
  number,
  probability,
  sample,
  setting,
  sum,
  ticksOf,
  join,
} from "./parts/common.js";
import { moves, shiftFor } from "./projection/maths.js";
import { NAMES, held, read } from "./projection/words.js";
import style from "./projection/style.css";

const FAR = 6,
  LEAST = 1e-4,
  TALL = { bars: 198, push: 148 };
const BARS = [
  ["q, old", "old"],
  ["π̃, network", "new"],
  ["π, projected", "projected"],
];
const PUSHES = {
  before: { name: called("pg_is"), hue: hueOf("pg_is"), dash: dashOf("pg_is") },
  clip: IDEAS.clip,
  ratio: { name: "TROLL's ratio term", hue: "var(--h4)", dash: "4 2" },
  pull: { name: "TROLL's regression", hue: "var(--a1)", dash: "9 2 2 2" },
  all: { name: "TROLL, both", hue: hueOf("troll"), dash: dashOf("troll") },
};
const eight = (value, least, most) => isListOf(value, NAMES.length, NAMES.length, least, most);
const settings = {
  support: {
    legend: "What TROLL sees",
    fold: true,
    choices: [
      ["all", "all tokens"],
      ["rest", "top k + rest"],
      ["drop", "top k alone"],
    ],
  },
  scale: {
    legend: "Axis of probabilities",
    fold: true,
    choices: [
      ["linear", "linear"],
      ["log", "logarithmic"],
    ],
  },
  delta: {
    label: "δ, nats",
    spoken: "radius delta, nats per token",
    rungs: [0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1],
    write: setting,
    high: 10,
    why: "a divergence is never negative, and beyond 10 nats the trust region contains all that can be dragged here.",
  },
  reach: {
    label: "way out",
    spoken: "how far out on the same way, times the moves",
    rungs: [0, 0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 2.5, 3],
    write: (value) => `× ${number(value)}`,
    high: 10,
    why: "0 is q itself; further than 10 times no bar can be seen.",
  },
  alpha: {
    label: "α, regression",
    fold: true,
    spoken: "alpha, weight of the regression",
    rungs: [0, 0.1, 0.2, 0.5, 1, 2, 5],
    high: 100,
    why: "a negative weight would reward the distance to the projection.",
  },
  advantage: {
    label: "A",
    fold: true,
    spoken: "advantage of the sampled token",
    rungs: [-2, -1, -0.5, 0, 0.5, 1, 2],
    write: number,
    low: -10,
    high: 10,
  },
  token: {
    label: "sampled y",
    fold: true,
    list: () => NAMES.map((name, v) => [v, name]),
    whole: "tokens",
    low: 0,
    high: NAMES.length - 1,
    why: "there are eight tokens, from 0 to 7.",
  },
  k: {
    label: "k",
    fold: true,
    spoken: "tokens kept of the old distribution",
    rungs: NAMES.map((_, v) => v + 1),
    write: number,
    whole: "tokens",
    why: "the sampled token is always kept, and there are eight.",
    shown: (s) => s.support !== "all",
  },
  eps: {
    label: "ε, clip",
    fold: true,
    spoken: "epsilon of PPO's clip",
    rungs: [0.05, 0.1, 0.2, 0.3, 0.5],
    low: 0,
    high: 1,
    why: "1 − ε bounds a ratio from below.",
  },
  show: {
    legend: "Gradients",
    fold: true,
    ticks: ticksOf(PUSHES),
    most: 5,
  },
  shift: {
    label: "Moves of the logits",
    check: (value) => (eight(value, -FAR, FAR) ? value : undefined),
    why: `eight numbers from ${-FAR} to ${FAR} are expected.`,
  },
  old: {
    label: "Old distribution",
    check: (value) => (eight(value, LEAST, 1) && Math.abs(sum(value) - 1) < 1e-6 ? value : undefined),
    why: `eight probabilities from ${LEAST} that sum to 1 are expected.`,
  },
};

/* Three bars for each word. */
function distributions(picture) {
  const bars = picture.panel(),
    columns = bars.clipped.append("g"),
    names = bars.inside.append("g").attr("class", "names"),
    tops = bars.inside.append("g");
  return (s, found, { width, height }) => {
    const box = bars.place({ width, height }),
      wide = box.width / NAMES.length,
      now = found.u.map(Math.exp),
      most = Math.max(...now, ...s.old, ...found.projected);
    const y =
      s.scale === "log"
        ? logScale([LEAST, 1], [box.height, 0])
        : linearScale([0, Math.min(1, 1.12 * most)], [box.height, 0], 4);
    bars.scales(bare(linearScale([0, 1], [0, box.width])), y);
    bars.titles("", "probability");
    const each = s.old.flatMap((q, v) =>
      [
        ["old", q],
        ["new", now[v]],
        ["projected", found.projected[v]],
      ].map(([kind, p], i) => ({ v, kind, p, i })),
    );
    join(columns, "rect", each, {
      class: (d) => `bar ${d.kind}`,
      x: (d) => wide * (d.v + 0.1 + 0.27 * d.i),
      width: wide * 0.24,
      y: (d) => y(d.p),
      height: (d) => Math.max(0, box.height - y(d.p)),
    });
    join(tops, "circle.ring", now, { r: 4.5, cx: (_, v) => wide * (v + 0.49), cy: (p) => y(p) });
    join(names, "text", NAMES, {
      "text-anchor": "middle",
      x: (_, v) => wide * (v + 0.5),
      y: (_, v) => box.height + (v % 2 && wide < 62 ? 31 : 16),
      class: (_, v) => (v === s.token ? "sampled" : found.kept.includes(v) ? "" : "tail"),
      text: (name) => name,
    });
    return { box, y, wide };
  };
}
const bare = (scale) => Object.assign(scale, { ticks: () => [] });

function board() {
  const picture = drawing(),
    above = distributions(picture),
    pushes = picture.panel();
  const stems = pushes.clipped.append("g"),
    zero = pushes.inside.append("path").attr("class", "rule");
  let box, y, wide;
  return {
    node: picture.node,
    height: () => TALL.bars + TALL.push,
    draw(s, found, { width, height }) {
      picture.size(width, height);
      ({ box, y, wide } = above(s, found, { width, height: TALL.bars }));
      const low = pushes.place({ top: TALL.bars, width, height: TALL.push, margin: { bottom: 14 } });
      const far = 1.1 * Math.max(0.05, ...s.show.flatMap((key) => found.push[key].map(Math.abs)));
      const py = linearScale([-far, far], [low.height, 0], 4);
      pushes.scales(bare(linearScale([0, 1], [0, low.width])), py);
      pushes.titles("", "gradient on the logit, −dL/dlogit");
      zero.attr("d", `M0,${py(0).toFixed(1)}H${low.width}`);
      const room = 0.8 / s.show.length;
      const sticks = s.show.flatMap((key, i) =>
        found.push[key].map((value, v) => ({ key, value, x: wide * (v + 0.1 + room * (i + 0.5)) })),
      );
      join(stems, "path", sticks, {
        stroke: (d) => PUSHES[d.key].hue,
        "stroke-width": Math.max(2, wide * room * 0.72),
        "stroke-dasharray": (d) => PUSHES[d.key].dash || null,
        d: (d) => `M${d.x.toFixed(1)},${py(0).toFixed(1)}V${py(d.value).toFixed(1)}`,
      });
    },
    placeOf: (v, p) => ({ x: box.left + wide * (v + 0.49), y: box.top + y(p) }),
    probabilityAt: (top) => clamp(y.invert(top - box.top), 1e-3, 0.98),
  };
}

/* The distributions alone, for an opener. */
function barsAlone() {
  const picture = drawing(),
    draw = distributions(picture);
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 250 : 320),
    draw(s, found, size) {
      picture.size(size.width, size.height);
      draw(s, found, size);
    },
  };
}

/* What the bars and the sticks are. */
function swatches(few = false) {
  const pushes = Object.entries(PUSHES).map(([key, { name, hue, dash }]) => ({
    key,
    el: h("li", { style: `color: ${hue}` }, sample(dash), h("span", { text: name })),
  }));
  return {
    el: h(
      "ul",
      { class: "looks" },
      ...BARS.map(([name, kind]) => h("li", {}, h("i", { class: kind }), h("span", { text: name }))),
      ...pushes.map(({ el }) => el),
    ),
    update(s) {
      for (const { key, el } of pushes) el.hidden = few || !s.show.includes(key);
    },
  };
}

const OUT = [-0.5, -0.3, 0.2, 0.2, 0.2, 0.6, -0.6, -0.4];
const SAMPLER = [-0.5, 0.7, 0.6, -0.4, -0.7, -0.3, -0.6, 0.9];
const USUAL = { shift: OUT, reach: 1, alpha: 1, delta: 0.05, advantage: 1, token: 4, support: "all" };

export default bench({
  name: "projection",
  title: "One token, projected: where does its gradient go?",
  style,
  settings,
  read,
  board,
  extra: swatches,
  openers: {
    out: { control: "reach", board: barsAlone, extra: () => swatches(true), verdict: held },
  },
  hint: "Move the way out, or drag a ring: the network runs on, and its projection stays within δ of the old distribution.",
  presets: [
    {
      name: "make it fail: no regression",
      state: { ...USUAL, reach: 2.5, alpha: 0, show: ["clip", "ratio", "all"] },
      text: "What to notice: move “way out”. π̃ runs on, and π does not change at all: the slope of the ratio term outward is 0. No gradient brings π̃ back, and π̃ is what samples. Now give α a value.",
    },
    {
      name: "the clip has zero gradient",
      state: { ...USUAL, show: ["clip", "ratio", "pull", "all"] },
      text: "What to notice: one ratio has left PPO's window, so the clip's gradient is 0 on every logit. TROLL's ratio term is the policy gradient at π, shrunk by 1 + η, less its part along the way out.",
    },
    {
      name: "one token alone",
      state: { ...USUAL, shift: [0, 0, 0, 0, 1.2, 0, 0, 0], alpha: 0, show: ["before", "clip", "ratio"] },
      text: "What to notice: with a single token moved, its gradient and the way out are the same direction, and TROLL's ratio term is 0 as the clip's is. Drag any other bar and the rest of its gradient comes back.",
    },
    {
      name: "anchor elsewhere",
      state: { ...USUAL, shift: SAMPLER, advantage: 0, show: ["before", "clip", "ratio", "pull"] },
      text: "What to notice: here q is another policy's, say a quantised sampler's, and π̃ was outside before the first update. A is 0 and there is a gradient on every logit: the regression moves the learner to q. Give A a value and compare.",
    },
    {
      name: "blind in the tail",
      state: { ...USUAL, shift: [0, 0, 0, 0, 0, 0.68, -3, -3], support: "rest", k: 5, show: ["before", "clip", "all"] },
      text: "What to notice: “plan” and “stepwise” gave way to “carefully”, all of them in the rest. The bucket's mass is what it was, so the merged KL is 0. Choose “all tokens”, and the same π̃ is outside.",
    },
    {
      name: "radius 0",
      state: { ...USUAL, delta: 0, show: ["before", "ratio", "pull"] },
      text: "What to notice: π is q, η is infinite, the reward's gradient is 0 on every logit. Only the regression back to q is left.",
    },
  ],
  question: {
    text: "A token's distribution is outside the region, and the sampled token's ratio outside PPO's window; A > 0. The clip's gradient is 0 on every logit. And that of TROLL's ratio term, without the regression?",
    options: [
      ["zero", "0 on every logit as well"],
      ["part", "smaller, without one direction"],
      ["back", "turned round: it leads back"],
    ],
    right: "part",
    state: { ...USUAL, alpha: 0, show: ["before", "clip", "ratio"] },
    why: "It is the policy gradient at π, divided by 1 + η, less its component along log π̃ − log q. Going back is the regression's job.",
  },
  handles: (s, found, size, data, shown) =>
    NAMES.map((name, v) => ({
      label: `Network's probability of ${name}`,
      words: probability(Math.exp(found.u[v])),
      ...shown.placeOf(v, Math.exp(found.u[v])),
      move: (_, top) => ({
        reach: 1,
        shift: moves(s).map((x, w) =>
          Number(clamp(w === v ? shiftFor(found.lq, moves(s), v, shown.probabilityAt(top)) : x, -FAR, FAR).toFixed(3)),
        ),
      }),
    })),
});
