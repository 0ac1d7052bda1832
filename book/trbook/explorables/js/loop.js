/* loop: the four boxes that every method shares. A box is chosen and tells what it does with a recorded group of
   completions: what goes in, what comes out, and when nothing is learned. */

import { bench, button, h } from "./parts/common.js";
import { cards } from "./loop/card.js";
import { picture } from "./loop/picture.js";
import { BOXES, verdict } from "./loop/words.js";
import style from "./loop/style.css";

const settings = {
  lit: {
    low: [],
    check: (value) => (Array.isArray(value) && value.every((box) => BOXES.includes(box)) ? value : undefined),
    why: `it names a stage that is none of ${BOXES.join(", ")}.`,
  },
  box: {
    low: "",
    check: (value) => (value === "" || BOXES.includes(value) ? value : undefined),
    why: `it is none of ${BOXES.join(", ")}.`,
  },
  group: {
    low: "two",
    check: (value) => (["two", "none", "luck"].includes(value) ? value : undefined),
    why: "it is none of two, none, luck.",
  },
};

function read(state, data) {
  const box = state.box || state.lit[0] || BOXES[0],
    group = data.groups[state.group];
  return { box, group, facts: [], verdict: verdict(state.group, group) };
}

/* On a phone the boxes and what they say come first; the completions and what to try unfold at a touch. */
function unfold() {
  const turn = () => open(el.getAttribute("aria-expanded") === "false"),
    el = button("", turn, { class: "unfold", "aria-expanded": "false" });
  const open = (wanted) => {
    el.setAttribute("aria-expanded", String(wanted));
    el.textContent = wanted ? "fold them away" : "completions, and things to try";
    el.closest(".bench")?.toggleAttribute("data-unfolded", wanted);
  };
  open(false);
  return { el, open };
}

export default bench({
  name: "loop",
  title: "The loop: rollout, advantage, objective, update",
  inSight: 3,
  style,
  settings,
  read,
  board: ({ set }) => {
    const ring = picture((box) => set({ box }));
    return { node: ring.el, height: () => ring.el.offsetHeight, draw: (state, { box }) => ring.show(box, state.lit) };
  },
  extra: ({ data }) => {
    const all = cards(),
      more = unfold();
    return {
      el: h("div", {}, all.el, more.el),
      update: (state, { box, group }) => {
        all.show(box, group, data.lr);
        if (state.group !== "two") more.open(true); // a link that leads to another group shows it
      },
    };
  },
  hint: "Choose a stage.",
  presets: [
    {
      name: "two of four are right",
      state: { group: "two" },
      text: "What to notice: go from stage to stage. One number per completion, the reward, becomes one weight per token, and at the end four probabilities have moved.",
    },
    {
      name: "make it fail: none is right",
      state: { group: "none", box: "update" },
      text: "What to notice: all rewards are equal, so there is nothing to learn from. Go back to advantage and see where the signal disappears.",
    },
    {
      name: "right by luck",
      state: { group: "luck", box: "update" },
      text: "What to notice: the only right answer was a guess, three times as far from the mean as the wrong ones. The step makes this guess more probable.",
    },
  ],
  question: {
    text: "All four completions of a prompt are wrong. What does the update do?",
    options: [
      ["down", "makes all four less probable"],
      ["least", "decreases only the least probable ones"],
      ["nothing", "nothing at all"],
    ],
    right: "nothing",
    state: { group: "none", box: "update" },
    why: "The advantage compares with the group's own mean, which is 0 as well. A wrong answer loses probability only if another is right.",
  },
});
