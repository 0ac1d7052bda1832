/* playground: the embedded policy learns in the page, in one to four lanes side by side. */

import { stage } from "./parts/common.js";
import formula from "./formula/style.css";
import bare from "./parts/bench.css";
import style from "./playground/style.css";
import dials from "./dial/dial.css";
import views from "./playground/views/views.css";
import { open } from "./playground/open.js";
import { buildControls } from "./playground/shell.js";

export default {
  render({ model, el }) {
    const still = el.querySelector(".trlib-still");
    const { host, frame, release } = stage(
      el,
      bare + style + dials + views + formula,
      "Playground: a language model learns in this page",
    );
    // It is drawn a part in each frame; its still stays until the last.
    if (still) {
      host.style.cssText = "height: 0; overflow: hidden; visibility: hidden";
      el.append(still);
    }
    const whole = () => {
      host.style.cssText = "";
      still?.remove();
    };
    const close = open({ model, el, host, frame, whole, buildControls });
    return () => {
      close();
      release();
    };
  },
};
