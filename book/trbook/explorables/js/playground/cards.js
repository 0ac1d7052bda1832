/* A lane's card: what it is set to, where it stands, and why it stopped. The line that says where it stands lies in the
   page itself and not in the shadow, so that whoever reads the page finds every lane there. */

import { button, h, ladder, number, pick, sample, say, setting } from "../parts/common.js";
import { field } from "../formula/field.js";
import { BRANCHES, CHECKPOINTS, NUMBERS, difficultyOf, kindOf, moreOf, titleOf } from "./lanes.js";
import { recent } from "./words.js";

/* The element of the page that says where a lane stands, in its card's slot: kept current with every batch. */
export function lineOf(name) {
  const el = h("div", { slot: `lane-${name}`, "data-lane": name, "data-batch": "0", "data-reward": "" });
  return {
    el,
    tell({ method }, { count, present: { rows }, ms, recorded }) {
      const last = rows.at(-1),
        reward = recent(rows);
      el.dataset.method = method;
      el.dataset.batch = String(count);
      el.dataset.reward = reward === null ? "" : reward.toFixed(4);
      say(
        el,
        last
          ? `batch ${count} · reward ${number(reward)} · KL ${number(last.kl)} · kept ${last.kept === null || Number.isNaN(last.kept) ? "–" : `${(100 * last.kept).toFixed(0)} %`}${ms ? ` · ${ms.toFixed(0)} ms` : ""}`
          : count
            ? `${count} batch${count > 1 ? "es" : ""} with other settings, none with these yet`
            : recorded
              ? `${recorded} recorded batches`
              : "no batch yet",
      );
    },
  };
}

/* change(settings): of this lane; remove, reset(): it. */
export function card(name, { change, remove, reset }) {
  const letter = name.toUpperCase(),
    says = `Lane ${letter}`;
  const method = pick({
    label: letter,
    spoken: `${says}, method`,
    options: Object.fromEntries(
      Object.entries(BRANCHES).map(([branch, names]) => [branch, names.map((one) => [one, titleOf(one)])]),
    ),
    onChange: (value) => change({ method: value }),
  });
  const away = button("×", remove, { class: "away", "aria-label": `Remove lane ${letter}` });
  const dragged = h("div", { class: "dragged" }),
    bound = { kind: null, slider: null, more: [] };
  const rate = ladder({
    label: "rate",
    spoken: `${says}, ${NUMBERS.lr.spoken}`,
    rungs: NUMBERS.lr.rungs,
    words: small,
    write: small,
    onEnd: (lr) => change({ lr }),
  });
  const more = ["epochs", "minibatches", "group"].map(
    (key) =>
      /** @type {[string, any]} */ ([
        key,
        pick({
          label: NUMBERS[key].label,
          spoken: `${says}, ${NUMBERS[key].label}`,
          options: NUMBERS[key].options.map((value) => [value, String(value)]),
          onChange: (value) => change({ [key]: value }),
        }),
      ]),
  );
  const origin = pick({
    label: "checkpoint",
    spoken: `${says}, checkpoint`,
    options: Object.entries(CHECKPOINTS),
    onChange: (checkpoint) => change({ checkpoint }),
  });
  const pushed = h("div"), // what rewards become, where a method leaves it open
    hard = h("div"); // how hard the prompts are, in the words of the checkpoint's task
  const stopped = h(
    "div",
    { class: "stopped", hidden: true },
    h("p", { role: "alert" }),
    button("reset this lane", reset, { "aria-label": `Reset lane ${letter}` }),
  );
  const brief = h("summary"),
    line = h("span");
  const el = h(
    "section",
    { class: "lane", "aria-label": says },
    h("div", { class: "named" }, line, method.el),
    dragged,
    rate.el,
    h(
      "details",
      { class: "more-set" },
      brief,
      h("div", {}, ...more.map(([, { el: one }]) => one), pushed, hard, origin.el),
    ),
    away,
    h("slot", { name: `lane-${name}` }),
    stopped,
  );
  let shown = [],
    told = [];
  return {
    el,
    /* Only what changed is written; after it, and before a formula's field is made, the page has a frame. */
    *update(lane, alone, why, { colour, dash }) {
      if (shown.join() !== `${colour},${dash}`) {
        shown = [colour, dash];
        el.style.setProperty("--hue", colour);
        line.replaceChildren(sample(dash));
      }
      if (told[0] === lane && told[1] === alone && told[2] === why) return;
      const other = bound.kind !== lane.method;
      stopped.hidden = !why;
      say(stopped.firstChild, why ?? "");
      method.set(lane.method);
      away.hidden = alone;
      rate.set(lane.lr);
      for (const [key, one] of more) one.set(lane[key]);
      origin.set(lane.checkpoint);
      const kind = difficultyOf(lane);
      if (bound.hard !== kind) {
        bound.hard = kind;
        bound.difficulty = pick({
          label: kind.label,
          spoken: `${says}, ${kind.spoken}`,
          options: kind.options.map((value) => [value, kind.write(value)]),
          onChange: (difficulty) => change({ difficulty }),
        });
        hard.replaceChildren(bound.difficulty.el);
      }
      bound.difficulty.set(lane.difficulty);
      hard.hidden = kind.options.length < 2;
      say(
        brief,
        `${lane.epochs} epoch${lane.epochs > 1 ? "s" : ""} × ${lane.minibatches} minibatch${lane.minibatches > 1 ? "es" : ""}, groups of ${lane.group}, ${kind.label} ${kind.write(lane.difficulty)}, ${CHECKPOINTS[lane.checkpoint]}`,
      );
      if (other && lane.method === "own") {
        unbind();
        yield;
      }
      if (other) bind(lane);
      bound.slider?.set(lane.threshold);
      bound.formula?.set(lane);
      for (const [key, one] of bound.more) one.set(lane[key]);
      told = [lane, alone, why];
      yield;
    },
  };

  function unbind() {
    Object.assign(bound, { kind: null, slider: null, formula: null, more: [] });
    dragged.replaceChildren();
    pushed.replaceChildren();
  }

  /* The controls that are the method's own. */
  function bind(lane) {
    const { threshold } = kindOf(lane);
    bound.kind = lane.method;
    bound.slider = threshold
      ? ladder({
          label: threshold.label,
          spoken: `${says}, ${threshold.spoken}`,
          rungs: threshold.rungs,
          words: small,
          write: small,
          onEnd: (value) => change({ threshold: value }),
        })
      : null;
    bound.more = Object.entries(moreOf(lane.method)).map(([key, one]) => [
      key,
      beside(says, one, (value) => change({ [key]: value })),
      one.folded,
    ]);
    const [open, folded] = [false, true].map((away) => bound.more.filter((one) => Boolean(one[2]) === away));
    pushed.replaceChildren(...folded.map(([, one]) => one.el));
    bound.formula = lane.method === "own" ? field({ says, change }) : null;
    el.classList.toggle("wide-lane", Boolean(bound.formula) || open.length > 0);
    dragged.replaceChildren(
      bound.formula?.el ?? bound.slider?.el ?? h("p", { class: "none", text: "no threshold" }),
      ...open.map(([, one]) => one.el),
    );
  }
}

/* A method's setting beside its threshold: over rungs or one of several words. */
function beside(says, { label, spoken = label, rungs, options }, onChange) {
  if (options)
    return pick({ label, spoken: `${says}, ${spoken}`, options: options.map((value) => [value, value]), onChange });
  return ladder({ label, spoken: `${says}, ${spoken}`, rungs, words: small, write: small, onEnd: onChange });
}

export const small = (value) =>
  (value < 0.001 && value > 0) || value > 1e4
    ? value.toExponential(0).replace("e-", "e−").replace("e+", "e")
    : setting(value);
