/* diagnose: a dump of rollouts read and diagnosed in the page. Nothing leaves the machine. */

import { h, stage } from "./parts/common.js";
import { arrive } from "./parts/arrive.js";
import { isParquet } from "./diagnose/parquet/table.js";
import { save } from "./playground/files.js";
import shared from "./diagnose/shared.json" with { type: "json" };
import style from "./diagnose/style.css";
import worker from "worker:./diagnose/worker.js";

const ENDINGS = [".jsonl", ".json", ".csv", ".npz", ".parquet"];
/* The page's own style, for a part of it in a shadow root. */
const SHEET = shared.css
  .replace(/:root\b/g, ":host")
  .replace(/@media \(max-width/g, "@container (max-width")
  .replace(/\nbody \{/, "\n.page {")
  .replace(/\nheader, main, footer \{[^}]*\}\n/, "\n");

function render({ model, el }) {
  const { frame, release } = stage(el, style, "Diagnose a dump of rollouts in this page");
  const input = h("input", {
    type: "file",
    multiple: true,
    id: "dumps",
    accept: `${ENDINGS.join()},.txt`,
    "aria-describedby": "limits",
  });
  const ask = {
    logprobs: h(
      "select",
      {},
      h("option", { value: "", text: "as the file says, else not known" }),
      h("option", { value: "processed", text: "processed: after temperature and top-p" }),
      h("option", { value: "raw", text: "raw: before them" }),
    ),
    temperature: h("input", { type: "number", min: 0, step: "any", placeholder: "not known" }),
    top_p: h("input", { type: "number", min: 0, max: 1, step: "any", placeholder: "not known" }),
    columns: h("input", {
      type: "text",
      placeholder: "logp=log_probs mask=response_mask",
      autocomplete: "off",
      spellcheck: "false",
    }),
  };
  const labelled = (text, field) => h("label", {}, h("span", { text }), field);
  const settings = h(
    "details",
    {},
    h("summary", { text: "What the file does not say" }),
    h(
      "div",
      { class: "fields" },
      labelled("logp_rollout holds log-probs that are", ask.logprobs),
      labelled("The sampler's temperature", ask.temperature),
      labelled("The sampler's top-p", ask.top_p),
      labelled("Columns by other names", ask.columns),
    ),
  );
  const sample = h("button", { type: "button", text: "Try a sample", onclick: () => example(false) });
  const shifted = h("button", { type: "button", text: "The same, shifted by one token", onclick: () => example(true) });
  const drop = h(
    "div",
    { class: "drop" },
    h(
      "label",
      { for: "dumps" },
      h("strong", { text: "Choose a dump" }),
      ", or drop it here; the files of several ranks together.",
    ),
    input,
    h("p", {
      id: "limits",
      text: "JSON lines, CSV or Parquet up to 1 GB, JSON or NPZ up to 200 MB. The files are read in this page and sent nowhere.",
    }),
    h("div", { class: "marks" }, sample, shifted),
  );
  const status = h("p", { role: "status" }),
    failed = h("p", { role: "alert", class: "failed", hidden: true });
  const result = h("div", { class: "result" });
  frame.append(drop, settings, status, failed, result);
  frame.setAttribute("data-drawn", "");

  let busy = null,
    current = null,
    turn = 0;

  function fail(text) {
    failed.textContent = text;
    failed.hidden = false;
    status.textContent = "";
    frame.removeAttribute("aria-busy");
  }

  function stop() {
    busy?.terminate();
    busy = null;
    frame.removeAttribute("aria-busy");
  }

  /* What is set beside the file; throws in words. */
  function options(sampling) {
    const made = { sampling, logprobs: ask.logprobs.value || null, columns: {}, temperature: null, top_p: null };
    for (const [name, most] of /** @type {[string, number][]} */ ([
      ["temperature", Infinity],
      ["top_p", 1],
    ])) {
      const field = ask[name];
      if (field.validity.badInput || (field.value && !(Number(field.value) > 0 && Number(field.value) <= most))) {
        throw new Error(
          `${name}: expected a number above 0${most === 1 ? " and at most 1" : ""}, got ${field.value || "something else"}`,
        );
      }
      if (field.value) made[name] = Number(field.value);
    }
    for (const pair of ask.columns.value.split(/[\s,]+/).filter(Boolean)) {
      const [ours, theirs] = pair.split("=");
      if (!theirs) throw new Error(`columns: expected NAME=COLUMN, got ${pair}`);
      if (![...shared.constants.REQUIRED, ...shared.constants.OPTIONAL].includes(ours)) {
        throw new Error(
          `columns: expected one of ${[...shared.constants.REQUIRED, ...shared.constants.OPTIONAL].sort().join(", ")}, got '${ours}'`,
        );
      }
      made.columns[ours] = theirs;
    }
    return made;
  }

  async function read(files, sampling = null) {
    stop();
    const id = ++turn;
    current = { files, sampling };
    result.replaceChildren();
    failed.hidden = true;
    if (!files.length) return fail("No file was chosen.");
    let chosen;
    try {
      chosen = options(sampling);
    } catch (error) {
      return fail(`${error.message}.`);
    }
    const sources = [worker];
    frame.setAttribute("aria-busy", "true");
    status.textContent = `Reading ${files.length === 1 ? files[0].name : `${files.length} files`} …`;
    if (await someParquet(files)) {
      try {
        sources.unshift(await arrive(model.get("_parts"), "parquet"));
      } catch (error) {
        return id === turn ? fail(error.message) : undefined;
      }
    }
    if (id !== turn) return undefined;
    try {
      busy = new Worker(URL.createObjectURL(new Blob(sources, { type: "text/javascript" })));
    } catch (error) {
      return fail(
        `This browser starts no Worker here (${error.message}). In a terminal, trlib diagnose reads the file.`,
      );
    }
    busy.onmessage = ({ data }) => {
      if (data.id !== id) return;
      if (data.progress !== undefined)
        status.textContent = data.progress < 1 ? `Reading: ${Math.round(100 * data.progress)} %` : "Computing …";
      if (data.failed) fail(`${data.failed}.`.replace(/^[a-z]/, (letter) => letter.toUpperCase()));
      if (data.done) show(data.done);
      if (data.failed || data.done) stop();
    };
    busy.onerror = (event) => {
      event.preventDefault?.();
      stop();
      fail(`Reading stopped (${event.message || "no reason given"}). In a terminal, trlib diagnose reads the file.`);
    };
    busy.postMessage({ id, files, options: chosen });
    return undefined;
  }

  function show(done) {
    const host = h("div", { class: "findings" }),
      shadow = host.attachShadow({ mode: "open" });
    const sheet = h("style", { text: SHEET }),
      page = h("div", { class: "page" });
    page.innerHTML = done.body; // made by page.js, which escapes everything that came from the file
    shadow.append(sheet, page);
    const stem = done.source.replace(/\.\w+$/, "").replace(/[^\w.-]+/g, "_");
    result.append(
      h(
        "p",
        { class: "judged", "data-verdict": done.verdict, "data-causes": done.causes },
        h("span", { "aria-hidden": "true", text: `${done.mark} ` }),
        done.headline,
      ),
      h(
        "div",
        { class: "marks" },
        h("button", {
          type: "button",
          text: "Save as one page",
          onclick: () => save(`${stem}.html`, done.page, "text/html"),
        }),
        h("button", {
          type: "button",
          text: "Save the numbers",
          onclick: () => save(`${stem}.findings.json`, `${JSON.stringify(done.json, null, 1)}\n`, "application/json"),
        }),
      ),
      host,
    );
    status.textContent = `${done.source}: ${done.headline}`;
    frame.removeAttribute("aria-busy");
  }

  function example(isShifted) {
    const { name, text, sampling } = JSON.parse(model.get("_data"));
    const rows = text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    if (isShifted) for (const row of rows) row.logp_rollout = [row.logp_rollout[0], ...row.logp_rollout.slice(0, -1)];
    const file = new File(
      [rows.map((row) => JSON.stringify(row)).join("\n")],
      isShifted ? name.replace(".", "-shifted.") : name,
    );
    input.value = "";
    read([file], sampling);
  }

  input.addEventListener("change", () => {
    if (input.files.length) read([...input.files]);
  });
  for (const field of Object.values(ask))
    field.addEventListener("change", () => {
      if (current) read(current.files, current.sampling);
    });
  for (const kind of ["dragenter", "dragover"]) {
    frame.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.toggleAttribute("data-over", true);
    });
  }
  frame.addEventListener("dragleave", (event) => {
    if (!frame.contains(/** @type {Node} */ (event.relatedTarget))) drop.removeAttribute("data-over");
  });
  frame.addEventListener("drop", async (event) => {
    event.preventDefault();
    drop.removeAttribute("data-over");
    try {
      read(await dropped(event.dataTransfer));
    } catch (error) {
      stop();
      result.replaceChildren();
      fail(error.message);
    }
  });
  return () => {
    stop();
    release();
  };
}

/* Whether one of the files begins as Parquet does. One that cannot be read is named when all are. */
async function someParquet(files) {
  const heads = await Promise.all(
    files.map((file) =>
      file
        .slice(0, 4)
        .arrayBuffer()
        .catch(() => new ArrayBuffer(0)),
    ),
  );
  return heads.some((head) => isParquet(new Uint8Array(head)));
}

/* The files that were dropped; of a folder those whose ending is a dump's. */
async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.some((entry) => entry.isDirectory)) return [...transfer.files];
  const files = [];
  for (const entry of entries) {
    const inside = entry.isDirectory ? await children(entry) : [entry];
    const dumps = inside.filter(
      (each) =>
        each.isFile &&
        (!entry.isDirectory || (!each.name.startsWith(".") && ENDINGS.some((ending) => each.name.endsWith(ending)))),
    );
    if (!dumps.length)
      throw new Error(`The folder ${entry.name} holds no dump that this page reads (${ENDINGS.join(", ")}).`);
    files.push(
      ...(await Promise.all(
        dumps.map(
          (each) =>
            new Promise((done, fail) => {
              each.file(done, fail);
            }),
        ),
      )),
    );
  }
  return files;
}

async function children(folder) {
  const reader = folder.createReader(),
    all = [];
  for (;;) {
    const some = await new Promise((done, fail) => {
      reader.readEntries(done, fail);
    });
    if (!some.length) return all;
    all.push(...some);
  }
}

export default { render };
