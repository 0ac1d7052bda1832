/* natural_gradient: a policy of two parameters; the KL region and the Fisher ellipse that stands for it, the natural
   step, the gradient's, and the line search's tries. */

import {
  bench,
  button,
  clamp,
  drawing,
  h,
  linearScale,
  number,
  sample,
  setting,
  stroke,
  join,
  textsAt,
} from "./parts/common.js";
import { cut } from "./simplex/maths.js";
import { level, plus } from "./natural_gradient/maths.js";
import { REASONS, read, signed } from "./natural_gradient/words.js";
import * as steps from "./natural_gradient/steps.js";
import style from "./natural_gradient/style.css";

const SPAN = 6,
  COLUMNS = 120,
  LEVELS = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9];
const LOOKS = [
  ["region: KL ≤ δ", "var(--h4)", ""],
  ["Fisher ellipse", "var(--a2)", "7 4"],
  ["natural step", "var(--a2)", ""],
  ["gradient, to the ellipse", "var(--a0)", "2 3"],
  ["gradient × learning rate", "var(--a1)", "8 3 2 3"],
];
const EVERY = Array.from({ length: 21 }, (_, i) => i - 10); // half places of the opener
const EDGE = "the map ends there; beyond it a token is certain to a few thousandths.";
const settings = {
  way: {
    legend: "The line search follows",
    choices: [
      ["natural", "natural step"],
      ["gradient", "gradient"],
    ],
  },
  delta: {
    label: "δ, nats",
    spoken: "radius delta, in nats per token",
    rungs: [0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4],
    write: setting,
    low: 1e-4,
    high: 0.5,
    why: "a radius of 0 allows no step, and beyond 0.5 nats the region leaves the map.",
  },
  lr: {
    label: "learning rate",
    spoken: "learning rate of the plain gradient step",
    rungs: [1, 2, 3, 5, 7, 10, 15, 20, 30, 50],
    low: 0,
    high: 100,
    why: "a negative learning rate descends, and beyond 100 the step leaves the map.",
  },
  theta1: { label: "θ₁", low: -SPAN, high: SPAN, why: EDGE },
  theta2: { label: "θ₂", low: -SPAN, high: SPAN, why: EDGE },
};

const CORNER = { theta1: -4.6, theta2: 5.6, delta: 0.05, lr: 20, way: "natural" };
const BETWEEN = { theta1: -0.8, theta2: 0.08, delta: 0.15, lr: 10, way: "natural" };

/* The nearest policy that the map shows. */
const onMap = (theta) => {
  const [theta1, theta2] = theta.map((value) => Number(clamp(value, -SPAN, SPAN).toFixed(2)));
  return { theta1, theta2 };
};

/* A line with a head; one that leaves the map ends at its edge, without. */
function arrow(x, y, box, from, to) {
  const a = [x(from[0]), y(from[1])],
    d = [x(to[0]) - a[0], y(to[1]) - a[1]];
  const share = Math.min(
    1,
    ...[box.width, box.height].map((size, i) => (d[i] > 0 ? (size - a[i]) / d[i] : d[i] < 0 ? -a[i] / d[i] : 1)),
  );
  const far = share * Math.hypot(...d),
    b = [a[0] + share * d[0], a[1] + share * d[1]];
  if (far < 1) return "";
  if (share < 1) return stroke([a, b]);
  const [u, v] = [d[0] / far, d[1] / far],
    head = Math.min(9, far);
  const wing = (side) => [b[0] - head * u - side * 0.5 * head * v, b[1] - head * v + side * 0.5 * head * u];
  return `${stroke([a, b])}${stroke([wing(1), b, wing(-1)])}`;
}

/* The part of a closed outline that lies on the map, a little beyond its edges: those are cut off when it is drawn. */
const within = (points, { width, height }) =>
  [([x]) => x + 3, ([x]) => width + 3 - x, ([, y]) => y + 3, ([, y]) => height + 3 - y].reduce(
    (found, inside) => cut(found, inside),
    points,
  );

/* A level line in its parts: θ2 over θ1, each part followed to where it leaves the map. */
function contour(value) {
  const there = (first) => Math.abs(level(value, first)) <= SPAN,
    parts = [];
  const end = (inside, outside) => {
    for (let step = 0; step < 40; step++) {
      const middle = (inside + outside) / 2;
      if (there(middle)) inside = middle;
      else outside = middle;
    }
    return [inside, level(value, inside)];
  };
  let run = [];
  for (let i = 0; i <= COLUMNS; i++) {
    const first = -SPAN + (2 * SPAN * i) / COLUMNS,
      before = first - (2 * SPAN) / COLUMNS;
    if (there(first)) {
      if (!run.length && i) run.push(end(first, before));
      run.push([first, level(value, first)]);
    } else if (run.length) {
      parts.push([...run, end(before, first)]);
      run = [];
    }
  }
  return run.length ? [...parts, run] : parts;
}

function board() {
  const picture = drawing(),
    panel = picture.panel();
  const levels = panel.clipped.append("g").attr("class", "levels");
  const region = panel.clipped.append("path").attr("class", "region"),
    ellipse = panel.clipped.append("path").attr("class", "ellipse");
  const arrows = panel.clipped.append("g"),
    tries = panel.clipped.append("g").attr("class", "tries");
  const dot = panel.inside.append("circle").attr("class", "ring").attr("r", 6);
  let x,
    y,
    box,
    drawn = 0;
  const ground = (width) => {
    join(levels, "path", LEVELS, {
      d: (value) =>
        contour(value)
          .map((run) => stroke(run.map(([a, b]) => [x(a), y(b)])))
          .join(""),
    });
    const named = [
      [1, 5.2],
      [0.6, -5.2],
    ].map(([value, at]) => ({
      text: value === 1 ? "yes yes: 1" : "no no: 0.6",
      x: x(at),
      y: y(value === 1 ? 4.6 : -4.6),
      anchor: value === 1 ? "end" : "start",
    }));
    textsAt(levels, "text", named);
    drawn = width;
  };
  return {
    node: picture.node,
    height: (width) => Math.min((width < 480 ? 0.86 : 0.92) * width, 380),
    draw(s, found, { width, height }) {
      picture.size(width, height);
      box = panel.place({ width, height });
      x = linearScale([-SPAN, SPAN], [0, box.width], 6);
      y = linearScale([-SPAN, SPAN], [box.height, 0], 6);
      if (drawn !== width) {
        panel.scales(x, y);
        panel.titles("θ₁", "θ₂");
        ground(width);
      }
      const shape = (points) =>
        `${stroke(
          within(
            points.map(([a, b]) => [x(a), y(b)]),
            box,
          ),
        )}Z`;
      region.attr("d", shape(found.region));
      ellipse.attr("d", shape(found.ellipse));
      const ways = [
        s.way === "natural" ? [plus(found.old, found.steps.natural), 2] : [plus(found.old, found.steps.gradient), 3],
        [found.plain.at, 4],
      ];
      join(arrows, "path.arrow", ways, {
        stroke: ([, look]) => LOOKS[look][1],
        "stroke-dasharray": ([, look]) => LOOKS[look][2] || null,
        d: ([to]) => arrow(x, y, box, found.old, to),
      });
      const seen = found.tries.filter(({ at }) => at.every((value) => Math.abs(value) <= SPAN));
      join(tries, "text", seen, {
        x: ({ at }) => x(at[0]),
        y: ({ at }) => y(at[1]),
        style: { fill: ({ why }) => (why ? "var(--bad)" : "var(--good)") },
        text: ({ why }) => (why ? "✕" : "●"),
      });
      dot.attr("cx", x(s.theta1)).attr("cy", y(s.theta2));
    },
    placeOf: (s) => ({ x: box.left + x(s.theta1), y: box.top + y(s.theta2) }),
    thetaAt: (left, top) => onMap([x.invert(left - box.left), y.invert(top - box.top)]),
  };
}

/* The lines' names, the tries one by one, and a button that takes the step. */
function beside({ set }) {
  let next = null;
  const named = LOOKS.map(([name, hue, dash]) =>
      h("li", { style: `--hue: ${hue}` }, sample(dash), h("span", { text: name })),
    ),
    looks = h("ul", { class: "looks" }, ...named);
  const go = button("take the step", () => next && set(onMap(next)));
  const list = h("ol", { class: "searched" });
  return {
    el: h("div", {}, looks, go, list),
    update(s, { tries, taken }) {
      next = taken?.at;
      go.disabled = !taken;
      named[2].hidden = s.way !== "natural";
      named[3].hidden = s.way !== "gradient";
      const lines = tries.map(
        ({ kl, surrogate, why }) =>
          `KL ${number(kl)}, surrogate ${signed(surrogate)}: ${why ? "✕ " : "● "}${REASONS[why]}`,
      );
      if (list.textContent !== lines.join("")) list.replaceChildren(...lines.map((text) => h("li", { text })));
    },
  };
}

const PLACES = EVERY.map((half) => half / 2);

export default bench({
  name: "natural_gradient",
  title: "A step inside a KL region",
  style,
  settings,
  read,
  board,
  extra: beside,
  sideBelow: true,
  openers: {
    steps: {
      control: "theta1",
      settings: {
        ...settings,
        theta1: { ...settings.theta1, label: "θ", spoken: "where the step begins", rungs: PLACES },
      },
      board: steps.board,
      verdict: steps.verdict,
    },
  },
  hint: "Drag the ring, the old policy. Thin lines join policies of equal reward.",
  presets: [
    {
      name: "make it fail: it crawls",
      state: CORNER,
      text: "What to notice: the policy is almost certain of the worst answer, so the plain gradient step is hardly a dot. Take the natural step a few times.",
    },
    {
      name: "make it fail: no ellipse",
      state: { theta1: -3.5, theta2: 4.2, delta: 0.3, lr: 50, way: "natural" },
      text: "What to notice: the ellipse reaches far beyond the region. The first tries spend more than the radius, and the line search walks back. Lower δ until the two outlines agree.",
    },
    {
      name: "make it fail: between two answers",
      state: BETWEEN,
      text: "What to notice: KL and surrogate pass the line search, and the reward falls. No line search sees that; only a smaller radius helps. At δ = 0.02 it rises.",
    },
    {
      name: "one learning rate, two places",
      state: { theta1: 0, theta2: 0.4, delta: 0.05, lr: 20, way: "gradient" },
      text: "What to notice: here this learning rate leaves the region. Drag the ring towards the upper left: a step with the same learning rate stays far inside. The radius means the same in both places.",
    },
  ],
  question: {
    text: "Between the two good answers, δ = 0.15. The full natural step stays in the region, and the surrogate rises. What does the true reward do?",
    options: [
      ["rises", "rises as promised"],
      ["less", "rises, but less"],
      ["falls", "falls"],
    ],
    right: "falls",
    state: BETWEEN,
    why: "The surrogate increases the probability of yes at the first token and decreases it at the second, each as if the other stayed. Together they make mixed answers more probable, and their reward is 0.",
  },
  handles: (s, found, size, data, shown) => [
    {
      label: "Old policy",
      words: `theta 1 ${s.theta1}, theta 2 ${s.theta2}`,
      ...shown.placeOf(s),
      move: (left, top) => shown.thetaAt(left, top),
    },
  ],
});
