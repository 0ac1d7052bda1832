/* clip: PPO's objective and gradient weight against the ratio, beside dual clip and a KL penalty. */

import { bench, clamp, drawing, linearScale, number, setting, stroke } from "./parts/common.js";
import { clipped, penalised, plain } from "./clip/maths.js";

const MOST = 4,
  STEPS = 240;
const WAYS = {
  plain: { name: "no region", hue: "var(--h0)", dash: "2 3", of: (r, s) => plain(r, s.sign) },
  ppo: { name: "PPO-clip", hue: "var(--h1)", dash: "", of: (r, s) => clipped(r, s.sign, s.eps_low, s.eps_high) },
  dual: {
    name: "dual clip",
    hue: "var(--h5)",
    dash: "7 3",
    of: (r, s) => clipped(r, s.sign, s.eps_low, s.eps_high, s.dual_clip),
  },
  penalty: {
    name: "KL penalty",
    hue: "var(--h7)",
    dash: "8 3 2 3",
    of: (r, s) => penalised(r, s.sign, s.beta, s.old_p),
  },
};
const settings = {
  sign: {
    legend: "Sign of the advantage",
    choices: [
      [1, "A = +1 ↑", "push up"],
      [-1, "A = −1 ↓", "push down"],
    ],
  },
  show: { legend: "Methods", ticks: Object.entries(WAYS).map(([key, way]) => [key, way.name, way.hue, way.dash]) },
  eps_low: {
    label: "ε low",
    spoken: "epsilon low",
    rungs: [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9, 1],
    low: 0,
    high: 1,
    why: "1 − ε low bounds a ratio, and no ratio is negative.",
  },
  eps_high: {
    label: "ε high",
    spoken: "epsilon high",
    rungs: [0, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.28, 0.3, 0.4, 0.5, 0.7, 1, 1.5, 2, 2.9],
    low: 0,
    high: 1000,
    why: "a window has no negative width.",
  },
  dual_clip: {
    label: "c, dual",
    spoken: "dual clip c",
    rungs: [1.1, 1.25, 1.5, 2, 2.5, 3, 3.5, 4],
    low: 1.01,
    high: 1000,
    why: "dual clip begins above a ratio of 1.",
    shown: (s) => s.show.includes("dual"),
  },
  beta: {
    label: "β, penalty",
    spoken: "beta of the KL penalty",
    rungs: [0, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20],
    low: 0,
    high: 1000,
    why: "a negative weight would reward distance.",
    shown: (s) => s.show.includes("penalty"),
  },
  old_p: {
    label: "π_old(y)",
    spoken: "old probability of the token",
    rungs: [0.001, 0.01, 0.05, 0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.7, 0.9],
    low: 1e-6,
    high: 0.99,
    why: "a token of probability 0 is never sampled, and one of probability 1 cannot move.",
  },
  ratio: { label: "r", low: 0, high: MOST },
};

function limit(s) {
  const highest = 1 / s.old_p;
  return s.ratio > highest
    ? [
        [
          "ratio",
          highest,
          `r = ${number(s.ratio)} would make the new probability larger than 1; with π_old(y) = ${setting(s.old_p)} the ratio ends at ${number(highest)}.`,
        ],
      ]
    : [];
}

function read(s) {
  const at = Object.fromEntries(s.show.map((key) => [key, WAYS[key].of(s.ratio, s)]));
  const facts = [
    ["ratio r = π/π_old", number(s.ratio)],
    ["from π_old(y) to π(y)", `${setting(s.old_p)} → ${number(s.ratio * s.old_p)}`],
    ...s.show.map((key) => [`w, ${WAYS[key].name}`, number(at[key].weight)]),
  ];
  return { at, facts, verdict: verdict(s, at) };
}

function verdict(s, at) {
  const outside = s.sign > 0 ? s.ratio > 1 + s.eps_high : s.ratio < 1 - s.eps_low,
    back = s.sign > 0 ? s.ratio < 1 - s.eps_low : s.ratio > 1 + s.eps_high;
  if (!at.ppo) return { tone: "calm", title: "PPO-clip is not shown", text: "Tick it to compare." };
  if (s.sign < 0 && s.ratio > 1.5 && at.ppo.weight !== 0) {
    const held = at.dual ? at.dual.weight === 0 : false;
    return {
      tone: "fail",
      title: "The clip has no upper end here",
      text: `A token that was bad and has become ${number(s.ratio)} times as likely is pushed down ${number(-at.ppo.weight)} times as hard as at r = 1. The clip sets no limit to this weight.${held ? " Dual clip silences it." : at.dual ? " Dual clip begins only beyond c." : ""}`,
    };
  }
  if (outside) {
    const far = s.sign > 0 ? s.ratio - 1 - s.eps_high : 1 - s.eps_low - s.ratio;
    const pulled = at.penalty && Math.sign(at.penalty.weight) === -s.sign;
    return {
      tone: "fail",
      title: "PPO-clip neither pushes nor pulls",
      text: `The objective is flat: at the edge of the window or ${number(far)} beyond it, it is the same. Other tokens of the batch may have carried the token here. The clip does not bring it back.${pulled ? " The KL penalty does pull back." : ""}`,
    };
  }
  if (back && s.ratio === 0)
    return {
      tone: "calm",
      title: "Outside, and not pushed",
      text: "The clip keeps this token's gradient, but the weight is r A, and r is 0.",
    };
  if (back)
    return {
      tone: "calm",
      title: "Outside, and on the way home",
      text: "The token moved against its advantage. The smaller of the two terms is the unclipped one, so its gradient is kept: the clip is pessimistic.",
    };
  return {
    tone: "calm",
    title: "Inside the window",
    text: `Here the clip is plain importance weighting: w = r A = ${number(at.ppo.weight)}.`,
  };
}

function board() {
  const picture = drawing(),
    panels = [picture.panel(), picture.panel()];
  const lines = panels.map((panel) => panel.clipped.append("g")),
    rules = panels.map((panel) => panel.inside.append("g")),
    dots = panels.map((panel) => panel.inside.append("g"));
  const cursors = panels.map((panel) => panel.inside.insert("path", "g").attr("class", "rule")),
    ring = panels[1].inside.append("circle").attr("class", "ring").attr("r", 7);
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 480 : 500),
    draw(s, { at }, { width, height }) {
      picture.size(width, height);
      const most = Math.min(MOST, 1 / s.old_p);
      const ratios = Array.from({ length: STEPS + 1 }, (_, i) => (most * i) / STEPS);
      const edges = [1 - s.eps_low, 1 + s.eps_high, s.dual_clip]
        .flatMap((edge) => [edge - 1e-9, edge + 1e-9])
        .filter((edge) => edge > 0 && edge < most);
      const xs = [...ratios, ...edges].sort((a, b) => a - b);
      panels.forEach((panel, i) => {
        const box = panel.place({ top: (i * height) / 2, width, height: height / 2 });
        const x = linearScale([0, MOST], [0, box.width], width < 420 ? 4 : 8);
        const y = linearScale(s.sign > 0 ? (i ? [-2, 4] : [-1, 4]) : [-4, i ? 2 : 1], [box.height, 0], 5);
        panel.scales(x, y);
        panel.titles(i ? "ratio r" : "", i ? "gradient weight w" : "objective, to be raised");
        const part = i ? "weight" : "objective",
          low = y.invert(box.height) - 2,
          high = y.invert(0) + 2;
        rules[i]
          .selectAll("path")
          .data([1 - s.eps_low, 1 + s.eps_high])
          .join("path")
          .attr("class", "rule dotted")
          .attr("d", (edge) => `M${x(edge).toFixed(1)},0V${box.height}`)
          .attr("visibility", (edge) => (edge > MOST ? "hidden" : null));
        lines[i]
          .selectAll("path")
          .data(s.show, (key) => key)
          .join("path")
          .attr("class", "line")
          .attr("stroke", (key) => WAYS[key].hue)
          .attr("stroke-dasharray", (key) => WAYS[key].dash || null)
          .attr("d", (key) => stroke(xs.map((r) => [x(r), y(clamp(WAYS[key].of(r, s)[part], low, high))])));
        dots[i]
          .selectAll("circle")
          .data(s.show, (key) => key)
          .join("circle")
          .attr("class", "dot")
          .attr("r", 5)
          .style("fill", (key) => WAYS[key].hue)
          .attr("cx", x(s.ratio))
          .attr("cy", (key) => y(clamp(at[key][part], y.invert(box.height), y.invert(0))));
        cursors[i].attr("d", `M${x(s.ratio).toFixed(1)},0V${box.height}`);
        panel.x = x;
        panel.box = box;
      });
      ring.attr("cx", panels[1].x(s.ratio)).attr("cy", panels[1].box.height);
    },
    ratioAt: (pixel) => clamp(panels[1].x.invert(pixel - panels[1].box.left), 0, MOST),
    placeOf: (ratio) => ({ x: panels[1].box.left + panels[1].x(ratio), y: panels[1].box.top + panels[1].box.height }),
  };
}

export default bench({
  name: "clip",
  title: "Clip: objective and gradient weight of one token against its ratio",
  settings,
  limit,
  read,
  board,
  hint: "Drag the ring, or anywhere with a mouse, to move the ratio.",
  presets: [
    {
      name: "make it fail: bad token, grown",
      state: { sign: -1, ratio: 3.4, show: ["plain", "ppo", "dual"], dual_clip: 3, old_p: 0.25 },
      text: "What to notice: for a negative advantage the clip bounds the ratio from below only. To the right the weight falls without end; dual clip cuts it at c.",
    },
    {
      name: "the clip does not pull back",
      state: { sign: 1, ratio: 2.2, show: ["ppo", "penalty"], beta: 5, old_p: 0.25 },
      text: "What to notice: beyond the window PPO's weight is 0, the penalty's is negative. A flat objective lets a token stay where others have carried it.",
    },
    {
      name: "pessimistic",
      state: { sign: 1, ratio: 0.5, show: ["plain", "ppo"], old_p: 0.25 },
      text: "What to notice: half as likely, far outside the window, and still pushed up. A clip of the ratio alone, without the minimum, would be flat here.",
    },
  ],
  question: {
    text: "A token with A = −1 has become three times as likely. What does PPO-clip (ε = 0.2) do with it?",
    options: [
      ["silence", "silences it"],
      ["weigh", "pushes it down three times as hard"],
      ["one", "pushes it down as at r = 1"],
    ],
    right: "weigh",
    state: { sign: -1, ratio: 3, show: ["plain", "ppo"], eps_low: 0.2, eps_high: 0.2 },
    why: "The minimum takes the unclipped term, −3: it is the smaller one. The window's upper edge does not exist for a negative advantage.",
  },
  handles: (s, reading, size, data, shown) => [
    {
      key: "ratio",
      label: "Ratio",
      words: number(s.ratio),
      ...shown.placeOf(s.ratio),
      move: (x) => ({ ratio: Number(shown.ratioAt(x).toFixed(3)) }),
    },
  ],
});
