/* The groups by hand: each completion a button, right or wrong, and how many there are. */

import { h, say } from "../parts/common.js";
import { PROMPTS } from "./words.js";

export const FEWEST = 2,
  MOST = 16;

export function groups({ set }) {
  let now = null;
  const rows = PROMPTS.map(({ key, name, hue }) => {
    const buttons = Array.from({ length: MOST }, (_, i) =>
      h("button", {
        type: "button",
        onclick: () => set({ [key]: now[key].map((r, k) => (k === i ? (r < 0.5 ? 1 : 0) : r)) }),
      }),
    );
    const el = h(
      "div",
      { class: "completions", role: "group", "aria-label": `Completions of prompt ${name}`, style: `--hue: ${hue}` },
      h("span", { class: "label", text: `prompt ${name}` }),
      ...buttons,
    );
    return { key, name, el, buttons };
  });
  const resized = (group, by) =>
    by > 0 ? [...group, 0].slice(0, MOST) : group.slice(0, Math.max(FEWEST, group.length - 1));
  const resize = (by) => () => set(Object.fromEntries(PROMPTS.map(({ key }) => [key, resized(now[key], by)])));
  const fewer = h("button", { type: "button", text: "one fewer", onclick: resize(-1) }),
    more = h("button", { type: "button", text: "one more", onclick: resize(1) });
  const el = h("div", { class: "groups" }, ...rows.map((row) => row.el), h("div", { class: "marks" }, fewer, more));
  return {
    el,
    update(s) {
      now = s;
      for (const { key, name, buttons } of rows) {
        buttons.forEach((button, i) => {
          button.hidden = i >= s[key].length;
          const reward = s[key][i] ?? 0,
            right = reward >= 0.5;
          say(button, reward === 1 ? "✓" : reward === 0 ? "✕" : reward.toFixed(2).replace("0.", "."));
          const label = `Completion ${i + 1} of prompt ${name}, reward ${reward}: make it ${right ? "wrong" : "right"}`;
          if (button.getAttribute("aria-label") !== label) button.setAttribute("aria-label", label);
        });
      }
      fewer.disabled = PROMPTS.every(({ key }) => s[key].length <= FEWEST);
      more.disabled = PROMPTS.every(({ key }) => s[key].length >= MOST);
    },
  };
}
