/* natural_gradient: one step of the parameter at two places, and how far it moves the policy at each. The policy samples one
   token, yes or no. */

import {
  bench,
  binaryKl,
  calm,
  drawing,
  join,
  linearScale,
  logSigmoid,
  number,
  probability,
  sigmoid,
  stroke,
  textsAt,
} from "./parts/common.js";
import style from "./natural_gradient/style.css";

const STEP = 1,
  MIDDLE = -0.5,
  SPAN = 6,
  ROOM = 100; // pixels for a name
const EVERY = Array.from({ length: 121 }, (_, i) => -SPAN + (i * SPAN) / 60);

/* From a place: both probabilities, and how far apart they are. */
function step(from) {
  const [before, after] = [from, from + STEP].map(sigmoid);
  return { from, before, after, moved: after - before, kl: binaryKl(logSigmoid(from), logSigmoid(from + STEP)) };
}

const write = (theta) => String(theta).replace("-", "−");

function verdict({ theta1 }) {
  const [middle, here] = [MIDDLE, theta1].map(step),
    less = (of) => Number((middle[of] / here[of]).toPrecision(2)),
    times = less("moved") < 1.1 ? "as in the middle" : `${less("moved")} times less than in the middle`;
  return calm(
    `From ${write(theta1)} it moves the probability by ${probability(here.moved)}, ${times}`,
    `The step in θ is 1 wherever it begins, and a learning rate limits only that. How far the policy moves, it doesn't know: ${number(here.kl)} nats here, ${number(middle.kl)} in the middle${less("kl") < 1.1 ? "" : `, ${less("kl")} times as many`}.`,
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
          { ...step(MIDDLE), look: "middle", name: "middle" },
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
      /* Each beside its arrows on the side that the curve leaves free: before they begin above it, or behind them below it. */
      const behind = (one) => (one.look === "here" ? theta1 >= MIDDLE : theta1 < MIDDLE),
        beside = (one) => {
          const at = behind(one) ? x(one.from + STEP) : x(one.from),
            room = behind(one) ? at + ROOM < box.width : at > ROOM;
          return {
            x: at + (room === behind(one) ? 10 : -10) * Number(room),
            y: behind(one)
              ? Math.max(y(one.before) + (room ? 0 : 24), y(one.after) + 26)
              : Math.min(y(one.after), y(one.before) - 16),
            anchor: room === behind(one) ? "start" : "end",
          };
        };
      textsAt(
        words,
        "text.name",
        shown.map((one) => ({ look: one.look, text: `${one.name}: ${probability(one.moved)}`, ...beside(one) })),
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
      write,
      rungs: Array.from({ length: 21 }, (_, i) => i / 2 - 5),
      low: -SPAN,
      high: SPAN,
      why: "the map ends there; beyond it a token is certain to a few thousandths.",
    },
  },
  read: (state) => ({ facts: [], verdict: verdict(state) }),
  board,
});
