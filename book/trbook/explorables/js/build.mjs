/* Bundles every explorable once: a small entry that imports ./common.js, the chunk that all of them share. Where one
   self-contained module is needed (Jupyter, Colab, the zip of the book), Python links the two (explorables/files.py).
   Each built file says in its first line which sources it was built from; where they have not changed, neither does it.
   The same sources give the same bytes. Run: npm ci && npm run build */

import { build, transform } from "esbuild";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "..", "built");
const read = (name) => readFileSync(join(here, name), "utf8");
const entries = readdirSync(here)
  .filter((name) => name.endsWith(".js"))
  .sort();
const COMMON = "parts/common.js";

/* The files that an entry is made of, by their imports; the shared chunk is one of its own. explorables/files.py follows
   the same. */
const IMPORTS = /(?:from|import)\s*"(?:worker:)?(\.[^"]+)"/g;
function sourcesOf(entry) {
  const found = new Set(["build.mjs", "package-lock.json"]),
    left = [entry];
  while (left.length) {
    const name = left.pop();
    if (found.has(name) || !existsSync(join(here, name))) continue;
    found.add(name);
    if (!name.endsWith(".js")) continue;
    for (const [, to] of read(name).matchAll(IMPORTS)) {
      const path = posix.normalize(posix.join(posix.dirname(name), to));
      if (path !== COMMON) left.push(path);
    }
  }
  return [...found].sort();
}
function digest(entry) {
  const hash = createHash("sha256");
  for (const name of sourcesOf(entry)) hash.update(`${name}\n${read(name)}\n`);
  return hash.digest("hex").slice(0, 16);
}
/* Everything that is built, each with the digest of its sources in its first line. */
function write({ outputFiles }, of) {
  for (const { path, text } of outputFiles) {
    mkdirSync(dirname(path), { recursive: true });
    const marked = `Sources: ${digest(of(path))}.`,
      known = "/* trust-region-book, MIT.";
    writeFileSync(
      path,
      text.startsWith(known) ? text.replace(known, `${known} ${marked}`) : `/* ${marked} */\n${text}`,
    );
  }
}

const styles = {
  name: "styles as text",
  setup(steps) {
    steps.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};
const apart = {
  name: "shared chunk stays apart",
  setup(steps) {
    steps.onResolve({ filter: /\/common\.js$/ }, () => ({ path: "./common.js", external: true }));
  },
};
/* import text from "worker:./file.js": a Worker's script as text, for a Blob, because a page that was opened from a file
   system may start no other Worker. */
const workers = {
  name: "workers as text",
  setup(steps) {
    steps.onResolve({ filter: /^worker:/ }, ({ path, resolveDir }) => ({
      path: join(resolveDir, path.slice(7)),
      namespace: "worker",
    }));
    steps.onLoad({ filter: /.*/, namespace: "worker" }, async ({ path }) => {
      const { outputFiles } = await build({ ...common, format: "iife", banner: {}, entryPoints: [path], write: false });
      return { contents: outputFiles[0].text, loader: "text" };
    });
  },
};
/* The modules' one licence, under all of their copyright lines. */
const modules = ["array", "axis", "path", "selection", "shape"];
const licences = modules.map((name) => read(`node_modules/d3-${name}/LICENSE`));
const holders = [...new Set(licences.map((text) => text.split("\n")[0]))].sort().join("\n");
const permission = licences[0].split("\n").slice(1).join("\n");
const common = {
  absWorkingDir: here,
  bundle: true,
  minify: true,
  format: "esm",
  target: "es2021",
  charset: "utf8",
  legalComments: "none",
  logLevel: "warning",
  outbase: here,
  banner: { js: `/* trust-region-book, MIT. Holds modules of D3 (ISC licence):\n${holders}\n${permission}*/` },
};

mkdirSync(out, { recursive: true });
for (const name of readdirSync(out))
  if (!/\.(still\.html|data\.json)$/.test(name)) rmSync(join(out, name), { recursive: true }); // drawn apart
const files = { ...common, write: false };
write(await build({ ...files, entryPoints: entries, outdir: out, plugins: [styles, apart, workers] }), (path) =>
  path.slice(out.length).replace(/^[/\\]/, ""),
);
write(
  await build({ ...files, entryPoints: [COMMON], outfile: join(out, "common.js"), plugins: [styles] }),
  () => COMMON,
);
const LANE = "../engine/js/worker.js";
write(
  await build({ ...files, format: "iife", banner: {}, entryPoints: [LANE], outfile: join(out, "workers", "lane.js") }),
  () => LANE,
);
