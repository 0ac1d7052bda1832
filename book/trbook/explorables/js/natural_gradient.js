/* natural_gradient: one step of the parameter at two places, and how far it moves the policy at each. The policy samples one
   token, yes or no. */

import {
  bench,
  binaryKl,
  calm,
  drawing,
  fail,
  join,
  linearScale,
  logSigmoid,
  number,
  sigmoid,
  stroke,
  textsAt,
} from "./parts/common.js";
import style from "./natural_gradient/style.css";

const STEP = 1,
  MIDDLE = -0.5,
  SPAN = 6;
const EVERY = Array.from({ length: 121 }, (_, i) => -SPAN + (i * SPAN) / 60);

/* From a place: both probabilities, and how far apart they are. */
function step(from) {
  const [before, after] = [from, from + STEP].map(sigmoid);
  return { from, before, after, moved: after - before, kl: binaryKl(logSigmoid(from), logSigmoid(from + STEP)) };
}

function verdict({ theta1 }) {
  const [middle, here] = [MIDDLE, theta1].map(step),
    times = middle.kl / here.kl;
  if (times < 2)
    return calm(
      "Here the step moves the policy as far as in the middle",
      `Both move the probability of yes by about ${number(here.moved)}. Take the start to an edge: the step in θ stays 1.`,
    );
  return fail(
    `The same step of the parameter, and a ${Number(times.toPrecision(2))} times smaller step of the policy`,
    `In the middle the probability of yes moves by ${number(middle.moved)}, here by ${number(here.moved)}: ${number(middle.kl)} nats and ${number(here.kl)}. A learning rate limits the first of the two distances.`,
  );
}

function board() {
  const picture = drawing(),
    panel = picture.panel(),
    curve = panel.clipped.append("path").attr("class", "line chance"),
    rises = panel.inside.append("g"),
    steps = panel.inside.append("g"),
    words = panel.inside.append("g");
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 260 : 330),
    draw({ theta1 }, found, { width, height }) {
      picture.size(width, height);
      const box = panel.place({ width, height }),
        x = linearScale([-SPAN, SPAN], [0, box.width], 6),
        y = linearScale([0, 1], [box.height, 0], 5),
        shown = [
          { ...step(MIDDLE), look: "middle", name: "in the middle" },
          { ...step(theta1), look: "here", name: "here" },
        ];
      panel.scales(x, y);
      panel.titles("parameter θ", "probability of yes");
      curve.attr("d", stroke(EVERY.map((at) => [x(at), y(sigmoid(at))])));
      /* Along the parameter, and up: what the policy makes of it. */
      join(steps, "path", shown, {
        class: ({ look }) => `along ${look}`,
        d: ({ from, before }) => `M${x(from)},${y(before)}H${x(from + STEP)}m-6,-4l6,4l-6,4`,
      });
      join(rises, "path", shown, {
        class: ({ look }) => `rise ${look}`,
        d: ({ from, before, after }) => `M${x(from + STEP)},${y(before)}V${y(after)}`,
      });
      const left = (one) => one.from > 0 || (one.look === "middle" && theta1 > MIDDLE);
      textsAt(
        words,
        "text.name",
        shown.map((one) => ({
          look: one.look,
          text: `${one.name}: ${number(one.moved)}`,
          x: left(one) ? x(one.from) - 8 : x(one.from + STEP) + 10,
          y: Math.min(y((one.before + one.after) / 2) + 5, box.height - 8),
          anchor: left(one) ? "end" : "start",
        })),
        { class: ({ look }) => `name ${look}` },
      );
    },
  };
}

export default bench({
  name: "natural_gradient",
  title: "The same step of a parameter at two places",
  opener: true,
  control: "theta1",
  style,
  settings: {
    theta1: {
      label: "θ",
      spoken: "where the step begins",
      rungs: Array.from({ length: 21 }, (_, i) => i / 2 - 5),
      low: -SPAN,
      high: SPAN,
      why: "the map ends there; beyond it a token is certain to a few thousandths.",
    },
  },
  read: (state) => ({ facts: [], verdict: verdict(state) }),
  board,
});
