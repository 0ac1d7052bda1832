/* playground: the embedded policy learns in the page, in one to four lanes side by side. */

import { stage } from "./parts/common.js";
import formula from "./formula/style.css";
import bare from "./parts/bench.css";
import style from "./playground/style.css";
import views from "./playground/views/views.css";
import { open } from "./playground/open.js";
import { buildControls } from "./playground/shell.js";

export default {
  render({ model, el }) {
    const { host, frame, release } = stage(
      el,
      bare + style + views + formula,
      "Playground: a language model learns in this page",
    );
    const close = open({ model, el, host, frame, buildControls });
    return () => {
      close();
      release();
    };
  },
};
