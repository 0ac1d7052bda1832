/* playground: the embedded policy learns in the page, in one to four lanes side by side. */

import { stage } from "./parts/common.js";
import contests from "./contest/style.css";
import { contest } from "./contest/panel.js";
import formula from "./formula/style.css";
import bare from "./parts/bench.css";
import style from "./playground/style.css";
import views from "./playground/views/views.css";
import { open } from "./playground/open.js";
import { furnish } from "./playground/shell.js";
import { furnishSmall } from "./playground/small.js";

export default {
  render({ model, el }) {
    const { host, frame, release } = stage(
      el,
      bare + style + views + formula + contests,
      "Playground: a language model learns in this page",
    );
    const close = open({ model, el, host, frame, furnish: model.get("small") ? furnishSmall : furnish });
    const below = model.get("contest") ? contested(model, frame) : null;
    return () => {
      below?.();
      close();
      release();
    };
  },
};

/* The contest below the lanes; its formula is that of the first lane of one's own. */
function contested(model, frame) {
  const panel = contest({ parts: model.get("_parts"), lanes: () => model.get("lanes") });
  frame.append(panel.el);
  model.on("change:lanes", panel.refresh);
  return () => {
    model.off("change:lanes", panel.refresh);
    panel.release();
  };
}
