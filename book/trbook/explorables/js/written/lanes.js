/* The sum in one large line, three answers side by side, and one scrubber over the batches. It moves by itself, from the start
   to the batch at which it opens, and waits there. */

import { choice, h, ladder, sample, say, still } from "../parts/common.js";
import { PAUSE, after, note, percent, pieces, shareAt } from "./words.js";

const DRAG = "drag on: the leader forgets how to add",
  PACE = 700, // milliseconds from batch to batch
  ROOM = 60; // letters of an answer that room is kept for, whatever is read; the few longer ones are set smaller

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
    call = h("p", { class: "call", text: DRAG }),
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
      call,
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
    next = 0;
  const step = () => {
    if (!el.isConnected || next > PAUSE) return stop();
    set({ batch: next++ }, true);
    timer = setTimeout(step, PACE);
  };
  const stop = () => {
    clearTimeout(timer);
    timer = 0;
    seen.disconnect();
    el.dataset.now = next > PAUSE || !next ? "waits" : "held";
    say(call, DRAG);
  };
  const seen = new IntersectionObserver(([{ isIntersecting }]) => {
    if (!isIntersecting) return;
    seen.disconnect();
    if (state().batch !== PAUSE) return;
    say(call, "from the start");
    el.dataset.now = "moves";
    step();
  });
  el.dataset.now = "waits";
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
      cards.forEach((one, i) => {
        const lane = data.lanes[i];
        one.show(lane.said[batch][which], shareAt(lane, batch, data.each), total);
      });
    },
  };
}

function card({ name }, { hue, dash }) {
  const share = h("span"),
    mark = h("span", { class: "mark" }),
    said = h("span", { class: "said" }),
    ghost = h("span", { class: "said ghost", "aria-hidden": "true", text: "0 ".repeat(ROOM / 2) }), // keeps the room
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
    show(answer, right, total) {
      const [text, rewarded] = answer;
      say(share, percent(right));
      say(noted, note(answer, total));
      node.dataset.right = rewarded ? "yes" : "no";
      say(mark, rewarded ? "✓" : "✕");
      mark.setAttribute("aria-label", rewarded ? "right" : "wrong");
      if (said.textContent.trim() === text.split(/\s+/).join(" ")) return;
      said.classList.toggle("long", text.length > ROOM);
      said.replaceChildren(
        ...pieces(text).flatMap(({ text: word, odd, off, rest }) => [
          h(odd ? "b" : "span", { class: [odd && "odd", off && "off"].filter(Boolean).join(" "), text: word }),
          `${rest} `,
        ]),
      );
    },
  };
}
