/* simplex: regions around an old policy over three tokens, every radius from one. */

import { bench, drawer, h, probability, radius, sample, say, table, tick } from "./parts/common.js";
import { board } from "./simplex/board.js";
import { DELTA, LEAST, LOOKS, TICKS, amount, checked, normal, rounded } from "./simplex/looks.js";
import { read } from "./simplex/words.js";
import style from "./simplex/style.css";

const POLICY = "three probabilities are expected, none below 0.";
const settings = {
  direction: {
    fold: true,
    legend: "Direction of the KL",
    choices: [
      ["old_new", "KL(old‖new)"],
      ["new_old", "KL(new‖old)"],
      ["both", "both"],
    ],
  },
  view: {
    fold: true, // the regions to tick are the choice
    legend: "View",
    choices: [
      ["whole", "whole triangle"],
      ["close", "close up"],
    ],
  },
  delta: DELTA,
  show: {
    legend: "Regions",
    check: (value) =>
      Array.isArray(value) && TICKS.some((key) => value.includes(key))
        ? TICKS.filter((key) => value.includes(key))
        : undefined,
    why: `one of ${TICKS.join(", ")} is needed.`,
  },
  old: { label: "Old policy", check: checked, why: POLICY },
  new: { label: "New policy", check: checked, why: POLICY },
};

function limit(s) {
  return ["old", "new"]
    .filter((key) => normal(s[key]) !== s[key])
    .map((key) => {
      const least = s[key].some((share) => share < LEAST);
      return [
        key,
        rounded(s[key]),
        least
          ? `${settings[key].label}: a token of probability 0 is never sampled, so its ratio has no meaning and one of the two KLs is infinite. The triangle begins at ${LEAST}.`
          : `${settings[key].label}: the probabilities did not sum to 1; they are shown in proportion.`,
      ];
    });
}

const HEADS = ["region", "distance", "radius", ""];

/* Every region in a row: shown or not, the new policy's distance, the radius, inside or out. */
function regions({ set, state }) {
  const rows = Object.entries(LOOKS).map(([key, look]) => {
    const toggle = tick({
      label: h(
        "span",
        { class: "lined" },
        sample(look.dash),
        h("span", {}, look.name, h("span", { class: "maths", text: look.formula })),
      ),
      spoken: `Show ${look.name}`,
      onChange: (on) =>
        set({ show: TICKS.filter((other) => (other === look.tick ? on : state().show.includes(other))) }),
    });
    toggle.el.style.setProperty("--hue", look.hue);
    const cells = [h("td"), h("td"), h("td")],
      row = h("tr", {}, h("th", { scope: "row" }, toggle.el), ...cells);
    return { key, look, toggle, cells, row };
  });
  const matched = h("p");
  const el = h(
    "div",
    {},
    table({
      class: "regions",
      caption: "Does it contain the new policy p? q: old, r = p/q",
      heads: HEADS,
      rows: rows.map(({ row }) => row),
    }),
    drawer("matched", "How the radii belong together", matched),
  );
  return {
    el,
    update(s, { regions }) {
      for (const { key, look, toggle, cells, row } of rows) {
        const found = regions.find((one) => one.key === key),
          on = s.show.includes(look.tick);
        row.hidden = look.tick === "kl" && s.direction !== "both" && key !== `kl_${s.direction}`;
        row.classList.toggle("off", !on);
        toggle.input.checked = on;
        toggle.input.disabled = on && s.show.length === 1;
        say(cells[0], found ? amount(found.value) : "");
        say(cells[1], `≤ ${amount(radius(key, s.delta))}`);
        say(cells[2], found ? (found.inside ? "✓ in" : "✕ out") : "");
        cells[2].dataset.inside = found ? (found.inside ? "yes" : "no") : "";
      }
      say(
        matched,
        `All come from one number, ρ = √(2δ) = ${amount(Math.sqrt(2 * s.delta))}. The box bounds the maximum of |r − 1| by ρ, χ² its root mean square, TV its mean: each region lies inside the next. ` +
          "KL and Fisher agree with χ² to second order, and the TV ball contains both KL balls (Pinsker). The Fisher ellipse of the probabilities is the χ² ball itself; the one drawn here is an ellipse in the logits. " +
          "Wasserstein has no match: as much may move as for TV, one place along the line of tokens.",
      );
    },
  };
}

const CORNER = {
  old: [0.98, 0.019, 0.001],
  new: [0.96, 0.02, 0.02],
  delta: 0.05,
  direction: "old_new",
  show: ["kl", "chi2", "tv", "ratio"],
  view: "close",
};

export default bench({
  name: "simplex",
  title: "How far has the policy moved?",
  style,
  settings,
  limit,
  read,
  board,
  extra: regions,
  hint: "Drag the ring (old) or the dot (new).",
  presets: [
    {
      name: "make it fail: a rare token",
      state: CORNER,
      text: "What to notice: the ratio box is a sliver. It measures a token's change by the token's own probability, so one token in a thousand may hardly rise. The KL ball stays wide.",
    },
    {
      name: "uniform policy",
      state: {
        old: [0.33333, 0.33334, 0.33333],
        new: [0.39, 0.33, 0.28],
        delta: 0.02,
        direction: "both",
        show: ["kl", "chi2", "fisher", "tv", "ratio"],
        view: "close",
      },
      text: "What to notice: both KL balls, χ² and Fisher draw almost one circle. The box, PPO's window of 0.2 on every token, lies inside it and the TV hexagon around it: maximum, root mean square and mean of one |r − 1|.",
    },
    {
      name: "direction matters",
      state: {
        old: [0.25, 0.5, 0.25],
        new: [0.01, 0.6, 0.39],
        delta: 0.3,
        direction: "both",
        show: ["kl"],
        view: "whole",
      },
      text: "What to notice: KL(new‖old) reaches the triangle's sides, where a token has gone. KL(old‖new) never does.",
    },
    {
      name: "how far is a token?",
      state: {
        old: [0.5, 0.3, 0.2],
        new: [0.36, 0.3, 0.34],
        delta: 0.05,
        direction: "old_new",
        show: ["tv", "wasserstein"],
        view: "whole",
      },
      text: "What to notice: the same amount moved from token 0 to token 1 would be inside both. Only Wasserstein knows that token 2 is two places away.",
    },
  ],
  question: {
    text: "Token 2 has an old probability of 0.001. With δ = 0.05 nats, a window on the ratio of matching width stops it at r = 1.32. Where does the ball KL(old‖new) ≤ δ stop it?",
    options: [
      ["same", "at about the same ratio"],
      ["five", "at a ratio of about 5"],
      ["fifty", "at a ratio of about 50"],
    ],
    right: "fifty",
    state: CORNER,
    why: "It may rise to 0.054, more than 50 times its old probability. The average runs over old samples, which hardly ever show this token: its growth costs only the 5 % that the others give up.",
  },
  handles: (s, reading, size, data, shown) =>
    ["old", "new"].map((key) => ({
      label: settings[key].label,
      words: s[key].map((share, token) => `token ${token} ${probability(share)}`).join(", "),
      x: shown.places[key][0],
      y: shown.places[key][1],
      move: (x, y) => ({ [key]: rounded(shown.policyAt(x, y)) }),
    })),
});
