/* For each prompt the hill of what is paid, over the share of right completions: its top, where the policy goes, and the fence. */

import { drawing, linearScale, logSigmoid, logit, put, stroke, textsAt, upright } from "../parts/common.js";
import { GROUP, PROMPTS, worth } from "./maths.js";

const share = (odds) => Math.exp(logSigmoid(odds));

export function board() {
  const picture = drawing(),
    hills = PROMPTS.map((prompt) => hill(picture, prompt));
  return {
    node: picture.node,
    height: (width) => (width < 480 ? 330 : 300),
    draw(s, { prompts }, { width, height }) {
      picture.size(width, height);
      const abreast = width >= 480;
      hills.forEach((draw, i) =>
        draw(s, prompts[i], {
          left: abreast ? (i * width) / 2 : 0,
          top: abreast ? 0 : (i * height) / 2,
          width: abreast ? width / 2 : width,
          height: abreast ? height : height / 2,
        }),
      );
    },
  };
}

function hill(picture, { name, hue, high }) {
  const panel = picture.panel(),
    beyond = panel.clipped.append("rect").attr("class", "beyond"),
    line = panel.clipped.append("path").attr("class", "line"),
    fence = panel.inside.append("path").attr("class", "fence"),
    top = panel.clipped.append("circle").attr("class", "dot").attr("r", 7),
    words = panel.inside.append("g");
  line.style("stroke", hue);
  top.style("fill", hue);
  return ({ price }, { k, from, fence: edge, top: best }, place) => {
    const box = panel.place({ ...place, margin: { left: 34, right: 10 } }),
      begin = k / GROUP,
      x = linearScale([begin, 1], [0, box.width], 3),
      y = linearScale([-0.3 * high, high], [box.height, 0], 3),
      paid = (odds) => worth(odds, from, price) - begin;
    panel.scales(x, y);
    panel.titles("share right", `${name}, ${k} of ${GROUP} right: gain minus price`);
    const way = Array.from({ length: 121 }, (_, i) => begin + ((1 - begin) * (i + 1e-9)) / 120.001);
    line.attr("d", stroke(way.map((p) => [x(p), y(Math.max(-1, paid(logit(p))))])));
    const at = x(share(edge));
    put(beyond, { x: at, width: Math.max(0, box.width - at), height: box.height });
    fence.attr("d", upright(at, box.height));
    put(top, { cx: x(share(best)), cy: y(paid(best)) });
    const room = at < 0.6 * box.width;
    textsAt(words, "text.name.halo", [
      { text: "fence", x: at + (room ? 5 : -5), y: 13, anchor: room ? "start" : "end" },
    ]);
  };
}
