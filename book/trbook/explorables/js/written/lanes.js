/* The sum in one large line, three answers side by side, and one scrubber over the batches. It moves by itself to where all
   three still answer well, and waits there. */

import { choice, h, ladder, sample, say, still } from "../parts/common.js";
import { after, note, percent, pieces, shareAt } from "./words.js";

const PAUSE = 6,
  TURNS = [...[5, 4, 3, 2, 1, 0].map((batch) => [batch, 60]), ...[1, 2, 3, 4, 5, PAUSE].map((batch) => [batch, 640])], // batch, milliseconds before it
  ROOM = 80; // letters of an answer that room is kept for: few are longer

export function lanes(looks, { set, data, state, touched }) {
  const last = data.lanes[0].right.length,
    asked = h("b"),
    when = h("span", { class: "when" }),
    cards = data.lanes.map((lane) => card(lane, looks[lane.look])),
    sums = choice({
      legend: "The sum that is read",
      options: data.totals.map((total, i) => [total, data.prompts[i]]),
      onChange: (total) => set({ total }),
    }),
    slider = ladder({
      label: "batches that it has learned from",
      spoken: "Batches that it has learned from",
      rungs: Array.from({ length: last + 1 }, (_, i) => i),
      words: after,
      write: String,
      onInput: (batch) => {
        stop();
        touched();
        set({ batch });
      },
    }),
    el = h(
      "div",
      { class: "read" },
      h("p", { class: "sum" }, asked, when),
      h("ul", { class: "lanes" }, ...cards.map(({ node }) => node)),
      slider.el,
      h("p", { class: "call", text: "drag on: one of them forgets how to add" }),
      sums.el,
      h(
        "p",
        { class: "key" },
        "✓ ✕: the last number, which alone is rewarded. ",
        h("span", { class: "off", text: "Underlined" }),
        ": it does not add up. ",
        h("b", { class: "odd", text: "Bold" }),
        `: no right answer uses it. One recorded run each (seed ${data.seed}).`,
      ),
    );
  /* It moves once, when it is seen, and only from its first state; a hand that comes takes over. */
  let timer = 0,
    turn = 0;
  const step = () => {
    if (!el.isConnected || turn === TURNS.length) return stop();
    set({ batch: TURNS[turn][0] }, true);
    turn += 1;
    timer = setTimeout(step, TURNS[turn]?.[1] ?? 0);
  };
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    seen.disconnect();
    el.dataset.waits = turn === TURNS.length || !turn ? "yes" : "no";
  };
  const seen = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting || turn) return;
    seen.disconnect();
    if (state().batch === PAUSE) timer = setTimeout(step, 900);
  });
  el.dataset.waits = "yes";
  if (!still()) seen.observe(slider.el);
  slider.el.addEventListener("pointerdown", stop);
  addEventListener("beforeprint", () => timer && (stop(), set({ batch: PAUSE }, true)), { once: true });
  return {
    el,
    update({ total, batch }) {
      const which = data.totals.indexOf(total);
      slider.set(batch);
      slider.el.style.setProperty("--way", String(batch / last));
      sums.set(total);
      say(asked, `${data.prompts[which]} =`);
      say(when, after(batch));
      const longest = Math.max(...data.lanes.flatMap(({ said }) => said.map((row) => row[which][0].length))),
        kept = Math.min(longest, ROOM);
      cards.forEach((one, i) => {
        const lane = data.lanes[i];
        one.show(lane.said[batch][which], shareAt(lane, batch, data.each), { total, kept });
      });
    },
  };
}

function card({ name }, { hue, dash }) {
  const share = h("span"),
    mark = h("span", { class: "mark" }),
    said = h("span", { class: "said" }),
    ghost = h("span", { class: "said ghost", "aria-hidden": "true" }), // keeps the room of a longer answer
    noted = h("p", { class: "noted" }),
    node = h(
      "li",
      {},
      h(
        "p",
        { class: "who" },
        sample(dash),
        h("b", { text: `used ${name}` }),
        h("span", { class: "share" }, share, " right"),
      ),
      h("div", { class: "stack" }, h("div", {}, h("p", { class: "what" }, mark, said), noted), ghost),
    );
  node.style.setProperty("--hue", hue);
  return {
    node,
    show(answer, right, { total, kept }) {
      const [text, rewarded] = answer;
      say(share, percent(right));
      say(ghost, "0 ".repeat(Math.ceil(kept / 2)));
      say(noted, note(answer, total));
      node.dataset.right = rewarded ? "yes" : "no";
      say(mark, rewarded ? "✓" : "✕");
      mark.setAttribute("aria-label", rewarded ? "right" : "wrong");
      if (said.textContent.trim() === text.split(/\s+/).join(" ")) return;
      said.replaceChildren(
        ...pieces(text).flatMap(({ text: word, odd, off, rest }) => [
          h(odd ? "b" : "span", { class: [odd && "odd", off && "off"].filter(Boolean).join(" "), text: word }),
          `${rest} `,
        ]),
      );
    },
  };
}
