/* two_losses: two recorded rewards that rise, of which one loss is wrong. After a guess the weight of one token, by hand and
   in both losses, with its gradient. */

import {
  apart,
  average,
  bench,
  calm,
  curves,
  drawing,
  fail,
  h,
  linearScale,
  number,
  probability,
  say,
  stroke,
  table,
  textsAt,
} from "./parts/common.js";
import style from "./two_losses/style.css";

const NAMES = ["X", "Y"], // Y is right
  LIMIT = 0.15, // DPPO's, of a probability
  LOOKS = { X: { hue: "var(--a2)", dash: "7 4" }, Y: { hue: "var(--a0)", dash: "" } };
const signed = (value) => (value ? `${value < 0 ? "−" : "+"}${number(Math.abs(value))}` : "0");

/* Of the token in both losses: its weight, and the gradient of its logit. X's mask is turned around. */
function weigh({ q, p, advantage }) {
  const out = Math.sign(advantage) * (p - q);
  return [-out, out].map((moved) => {
    const weight = moved <= LIMIT ? (advantage * p) / q : 0;
    return { weight, gradient: weight * (1 - p) };
  });
}

function read({ guess }, data) {
  const { rewards, word, q, p } = data,
    gaps = rewards.X.map((own, k) => Math.abs(average(own) - average(rewards.Y[k]))),
    weights = weigh(data);
  if (!guess) {
    const meant = `DPPO gives a token the weight A·p/q, and 0 once p has moved by more than ${LIMIT} from q the way that its advantage A asks for. Try it on this token.`;
    return { facts: [], verdict: calm("Both rewards rise. Which loss is right?", meant) };
  }
  const verdict = (guess === "Y" ? calm : fail)(
    `You said ${guess}. ${guess === "Y" ? "Y is right" : "X is wrong"}, and a token shows it`,
    `“${word}” has moved by ${probability(p - q)}, so by hand its weight is 0. X still increases it: the mask is turned around. The rewards can't tell. In ${gaps.length} pairs of runs their means differ by ${number(Math.max(...gaps))} at most.`,
  );
  return { weights, facts: [], verdict };
}

function board() {
  const picture = drawing(),
    panel = picture.panel(),
    lines = panel.clipped.append("g"),
    words = panel.inside.append("g");
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 160 : 300),
    draw(_state, _reading, { width, height }, { rewards }) {
      picture.size(width, height);
      const of = (name) => rewards[name][0],
        box = panel.place({ width, height, margin: { left: 36, right: 26 } }),
        x = linearScale([1, of("Y").length], [0, box.width], 5),
        y = linearScale([0, 1], [box.height, 0], 5),
        ends = NAMES.map((name) => ({ text: name, x: box.width + 8, y: y(of(name).at(-1)) + 5 }));
      panel.scales(x, y);
      panel.titles("batch", "reward");
      curves(lines, NAMES, LOOKS, (name) => stroke(of(name).map((reward, i) => [x(i + 1), y(reward)])));
      textsAt(words, "text.name", apart(ends, 16, box.height), { style: { fill: ({ text }) => LOOKS[text].hue } });
    },
  };
}

/* The token's table, empty until a guess. */
function extra({ data: { word, q, p, advantage } }) {
  const cells = ["by hand", ...NAMES].map((name) => ({ name, cells: [h("td"), h("td")] }));
  const el = table({
    caption: `“${word}”: q = ${probability(q)}, now p = ${probability(p)}, A = ${signed(advantage)}`,
    heads: ["", "weight w", "gradient w (1 − p)"],
    rows: cells.map(({ name, cells }) => h("tr", {}, h("th", { scope: "row", text: name }), ...cells)),
  });
  return {
    el,
    update(_state, { weights }) {
      const rows = weights && [weights[1], ...weights]; // by hand as in DPPO's own line
      cells.forEach(({ cells }, i) => {
        say(cells[0], rows ? signed(rows[i].weight) : "?");
        say(cells[1], rows ? signed(rows[i].gradient) : "?");
        cells[0].parentNode.classList.toggle("off", Boolean(rows) && rows[i].weight !== rows[0].weight);
      });
    },
  };
}

export default bench({
  name: "two_losses",
  title: "Two rewards that rise",
  opener: true,
  style,
  settings: { guess: { check: (value) => (["", ...NAMES].includes(value) ? value : undefined), why: "it is X or Y." } },
  choose: { legend: "Which loss is right?", options: NAMES.map((guess) => [`${guess} is right`, { guess }]) },
  read,
  board,
  extra,
});
