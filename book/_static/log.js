// Says what follows from lines of a training log, by the rules of trlib/log_rules.json: the same as
// trcheck/diagnose/log.py, in the reader's browser. Nothing leaves the page.
{
  const place = document.getElementById("log-tool");
  const RULES = JSON.parse(document.getElementById("log-rules").textContent);
  const NUMBER = "[-+]?(?:\\d+\\.?\\d*(?:e[-+]?\\d+)?|\\.\\d+|inf(?:inity)?|nan)";
  const PAIR = new RegExp(
    `["']?([a-z_][\\w/@.-]*)["']?\\s*[:=]\\s*["']?(?:np\\.float\\d+\\()?(${NUMBER})(?![\\w.])`,
    "gi",
  );
  const SETTING = /(?:--([\w.-]+)[\s=]+|([a-z_][\w.]*)["']?\s*[:=]\s*)["']?([\w.+-]+)(?![\w$({])/gi;
  const WHOLE = new RegExp(`^(?:${NUMBER})$`, "i");
  const TREND = 6; // lines from which on the first third is compared with the last
  const COMPARE = {
    "==": (a, b) => a === b,
    "!=": (a, b) => a !== b,
    "<": (a, b) => a < b,
    "<=": (a, b) => a <= b,
    ">": (a, b) => a > b,
    ">=": (a, b) => a >= b,
  };
  const sum = (list) => list.reduce((a, b) => a + b, 0);
  const value = (text) => (/inf/i.test(text) ? Infinity : Number(text.replace(/^\+/, "")));
  const pairs = (text) => [...text.matchAll(PAIR)].map((found) => [found[1], found[2]]);

  // The cells of a line of a CSV.
  const cells = (line) =>
    [...line.matchAll(/(?:^|,)(?:"((?:[^"]|"")*)"|([^,]*))/g)].map((found) =>
      found[1] === undefined ? found[2] : found[1].replaceAll('""', '"'),
    );

  // The cells of a CSV, by the last part of their column's name; none: it is no CSV.
  const table = (text) => {
    const lines = text.split(/\r?\n/).filter((line) => line.trim());
    if (lines.length < 2 || !lines[0].includes(",") || lines[0].includes("{") || pairs(lines[0]).length) return [];
    const keys = cells(lines[0]).map((name) => name.split(" - ").pop().trim());
    return lines
      .slice(1)
      .flatMap((line) => cells(line).map((cell, i) => [keys[i], cell.trim()]))
      .filter(([key, cell]) => key !== undefined && WHOLE.test(cell));
  };

  // The numbers of a log by the names of RULES.series, in the order of its lines.
  const read = (text) => {
    const names = new Map(Object.entries(RULES.series).flatMap(([name, keys]) => keys.map((key) => [key, name])));
    const cut = table(text);
    const found = new Map();
    for (const [key, number] of cut.length ? cut : pairs(text)) {
      const name = names.get(key.replace(/^train\//, ""));
      if (name === undefined) continue;
      if (!found.has(name)) found.set(name, []);
      found.get(name).push(value(number));
    }
    return found;
  };

  // The settings that rules ask about, by their last name; of the critic none.
  const readSettings = (text) => {
    const found = new Map();
    for (const [, flag, key, given] of text.matchAll(SETTING)) {
      const name = (flag || key).replaceAll("-", "_");
      const last = name.split(".").pop();
      if (!name.startsWith("critic.") && RULES.settings.includes(last))
        found.set(last, WHOLE.test(given) ? value(given) : given.toLowerCase());
    }
    return found;
  };

  // Updates per batch by the settings of TRL or verl; undefined: they do not say.
  const updates = (settings) => {
    const number = (name) => {
      const given = settings.get(name);
      return typeof given === "number" && given > 0 ? given : undefined;
    };
    const [batch, mini] = [number("train_batch_size"), number("ppo_mini_batch_size")];
    if (batch && mini) return Math.ceil(batch / mini) * (number("ppo_epochs") ?? 1);
    const [iterations, steps] = [number("num_iterations"), number("steps_per_generation")];
    const accumulated = number("gradient_accumulation_steps");
    if ((steps && !accumulated) || !(iterations || steps)) return undefined;
    const share = steps && accumulated ? steps / accumulated : 1;
    return Math.max(1, Math.floor(share * (iterations ?? 1)));
  };

  // The statistics of each series, NAME.STATISTIC.
  const measured = (series) => {
    const known = new Map();
    for (const [name, values] of series) {
      const good = values.filter(Number.isFinite);
      const say = (statistic, number) => known.set(`${name}.${statistic}`, number);
      say("n", values.length);
      say("broken", values.length - good.length);
      if (!good.length) continue;
      say("low", Math.min(...good));
      say("high", Math.max(...good));
      say("mean", sum(good) / good.length);
      say("size", Math.max(...good.map(Math.abs)));
      say("below", good.filter((x) => x < 0).length);
      say("above", good.filter((x) => x > 0).length);
      if (good.length < TREND) continue;
      const third = Math.floor(good.length / 3);
      const [begin, end] = [good.slice(0, third), good.slice(-third)];
      const [first, last] = [sum(begin) / third, sum(end) / third];
      const spread = sum(begin.map((x) => (x - first) ** 2)) + sum(end.map((x) => (x - last) ** 2));
      const error = Math.sqrt(spread / (third * Math.max(third - 1, 1)));
      say("begin", first);
      say("end", last);
      say("trend", (last - first) / (error + 1e-12 + 1e-3 * Math.max(Math.abs(first), Math.abs(last))));
    }
    return known;
  };

  const holds = (known, name, how, wanted) => {
    const found = known.get(name);
    if (how === "unknown") return found === undefined;
    const other = typeof wanted === "string" ? (known.get(wanted) ?? wanted) : wanted;
    if (how === "!=") return found !== other;
    return found !== undefined && typeof found === typeof other && COMPARE[how](found, other);
  };

  // A number with three digits, a whole one with all; the same in Python.
  const shown = (given) => {
    if (typeof given === "string") return given;
    if (Number.isInteger(given) && Math.abs(given) < 1e6) return String(given + 0);
    const [digits, power] = given.toExponential(2).split("e");
    const short = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
    const exponent = Number(power);
    if (exponent > -4 && exponent < 6) return short(Number(`${digits}e${power}`).toFixed(Math.max(0, 2 - exponent)));
    return `${short(digits)}e${exponent}`;
  };

  const judge = (text, settings) => {
    const series = read(text);
    const chosen = readSettings(settings);
    const known = new Map([...measured(series), ...chosen]);
    const count = updates(chosen);
    if (count !== undefined) known.set("updates", count);
    const filled = (sentence) =>
      sentence.replace(/\{([\w.]+)(\|%)?\}/g, (_, name, percent) =>
        percent ? `${shown(100 * known.get(name))} percent` : shown(known.get(name)),
      );
    return {
      recognised: [
        ...[...series].map(([name, values]) => `${name} (${values.length})`),
        ...[...chosen].map(([name, given]) => `${name} = ${shown(given)}`),
        ...(count === undefined ? [] : [`updates per batch = ${shown(count)}`]),
      ],
      said: RULES.rules
        .filter((rule) => rule.when.every((condition) => holds(known, ...condition)))
        .map((rule) => [filled(rule.say), rule.see]),
    };
  };
  window.judgeLog = judge; // for the tests, as is the address below

  // The address of a question, `page: heading`, as Sphinx names headings.
  const address = (see) => {
    const [page, heading] = [see.slice(0, see.indexOf(": ")), see.slice(see.indexOf(": ") + 2)];
    const name = heading
      .toLowerCase()
      .replace(/[^a-z0-9]+/g, "-")
      .replace(/^[-0-9]+|-+$/g, "");
    return [`questions/${page}.html#${name}`, heading.replaceAll("`", "")];
  };
  window.addressOfQuestion = address;

  const element = (tag, properties, ...children) => {
    const made = Object.assign(document.createElement(tag), properties);
    made.append(...children);
    return made;
  };
  const area = (id, rows, example) =>
    element("textarea", { id, rows, spellcheck: false, placeholder: example, autocomplete: "off" });
  const log = area("log-lines", 8, "{'loss': -0.01, 'grad_norm': 0.4, 'clip_ratio/region_mean': 0.0}");
  const settings = area("log-settings", 3, "num_iterations=1, beta=0.04");
  const button = element("button", { type: "button" }, "Read the log");
  const out = element("div", { id: "log-said" });
  out.setAttribute("role", "status");
  const show = () => {
    const { recognised, said } = judge(log.value, settings.value);
    out.replaceChildren();
    if (!recognised.length) {
      const none = "Nothing was recognised. Expected lines with keys of TRL or verl, or a CSV of them.";
      return out.append(element("p", {}, none));
    }
    out.append(element("p", {}, `Recognised: ${recognised.join(", ")}.`));
    const list = element("ul", {});
    for (const [sentence, see] of said) {
      const [href, heading] = address(see);
      list.append(element("li", {}, `${sentence} `, element("a", { href }, heading)));
    }
    const nothing = "No rule applies. That does not mean that all is well.";
    out.append(said.length ? list : element("p", {}, nothing));
  };
  button.addEventListener("click", show);
  place.replaceChildren(
    element("label", { htmlFor: "log-lines" }, "Lines of the log"),
    log,
    element("label", { htmlFor: "log-settings" }, "Settings, if you like"),
    settings,
    button,
    out,
  );
}
