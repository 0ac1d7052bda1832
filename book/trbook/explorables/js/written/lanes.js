/* Three answers side by side, and above them the batch: a slider, and a button that goes through the batches. */

import { choice, h, ladder, sample, say, still } from "../parts/common.js";
import { after, note, percent, pieces, shareAt } from "./words.js";

const TURN = 650, // milliseconds of a batch while it plays
  ROOM = 84; // letters of an answer that room is kept for: few are longer

export function lanes(looks, { set, data, state }) {
  const last = data.lanes[0].right.length,
    slider = ladder({
      label: "batch",
      spoken: "Batches that it has learned from",
      rungs: Array.from({ length: last + 1 }, (_, i) => i),
      words: after,
      write: String,
      onInput: (batch) => set({ batch }),
    }),
    player = play(last, { set, state }),
    sums = choice({
      legend: "The sum that is read",
      options: data.totals.map((total, i) => [total, data.prompts[i]]),
      onChange: (total) => set({ total }),
    }),
    asked = h("code"),
    when = h("span"),
    cards = data.lanes.map((lane) => card(lane, looks[lane.look]));
  return {
    el: h(
      "div",
      { class: "read" },
      h("div", { class: "scrub" }, player.el, slider.el),
      sums.el,
      h("p", { class: "puzzle" }, "Asked for ", asked, when),
      h("ul", { class: "lanes" }, ...cards.map(({ node }) => node)),
      h(
        "p",
        { class: "key" },
        "✓ ✕: the last number, which alone is rewarded. ",
        h("span", { class: "off", text: "Underlined" }),
        ": it does not add up. ",
        h("b", { class: "odd", text: "Bold" }),
        `: no right answer uses it. One run per lane (seed ${data.seed}), with the same random numbers every time.`,
      ),
    ),
    update(now) {
      const { total, batch } = now,
        which = data.totals.indexOf(total);
      slider.set(batch);
      sums.set(total);
      player.follow(batch);
      say(asked, data.prompts[which]);
      say(when, `, ${after(batch)} it writes`);
      const longest = Math.max(...data.lanes.flatMap(({ said }) => said.map((row) => row[which][0].length))),
        kept = Math.min(longest, ROOM);
      cards.forEach((one, i) => {
        const lane = data.lanes[i];
        one.show(lane.said[batch][which], shareAt(lane, batch, data.each), { total, kept, atEnd: batch === last });
      });
    },
  };
}

function card({ name }, { hue, dash }) {
  const share = h("span"),
    among = h("span", { class: "more" }),
    mark = h("span", { class: "mark" }),
    said = h("span", { class: "said" }),
    ghost = h("span", { class: "said ghost", "aria-hidden": "true" }), // keeps the room of a longer answer
    noted = h("p", { class: "noted" }),
    node = h(
      "li",
      {},
      h("p", { class: "who" }, sample(dash), h("b", { text: name })),
      h("p", { class: "share" }, share, among, " right"),
      h("div", { class: "stack" }, h("div", {}, h("p", { class: "what" }, mark, said), noted), ghost),
    );
  node.style.setProperty("--hue", hue);
  return {
    node,
    show(answer, right, { total, kept, atEnd }) {
      const [text, rewarded] = answer;
      say(share, percent(right));
      say(among, atEnd ? " of new sums" : " of this batch");
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

/* Goes through the batches, one after the other. Where less motion is wished for, a press goes one batch on. */
function play(last, { set, state }) {
  const calm = still();
  let timer = 0,
    expected = null;
  const el = h("button", {
    type: "button",
    class: "play",
    onclick: () => {
      if (timer) return stop();
      const { batch } = state();
      step(batch >= last ? 0 : batch + 1);
      if (!calm) timer = window.setInterval(turn, TURN);
      show();
    },
  });
  const step = (batch) => {
      expected = batch;
      set({ batch });
    },
    turn = () => {
      const { batch } = state();
      if (!el.isConnected || batch >= last) stop();
      else step(batch + 1);
    },
    stop = () => {
      window.clearInterval(timer);
      timer = 0;
      show();
    },
    show = () => {
      say(el, calm ? "next batch" : timer ? "❚❚ pause" : "▶\ufe0e play");
      el.closest(".bench")?.toggleAttribute("data-playing", Boolean(timer));
    };
  show();
  return {
    el,
    /* A hand that moves the batch takes over. */
    follow: (batch) => {
      if (timer && batch !== expected) stop();
      else if (timer && batch >= last) stop();
    },
  };
}
