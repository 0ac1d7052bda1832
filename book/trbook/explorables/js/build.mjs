/* Bundles every explorable once: a small entry that imports ./common.js, the chunk that all of them share. Where one
   self-contained module is needed (Jupyter, Colab, the zip of the book), Python links the two (explorables/files.py).
   The same sources give the same bytes. Run: npm ci && npm run build */

import { build, transform, version } from "esbuild";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "..", "built");
const read = (name) => readFileSync(join(here, name), "utf8");
const engine = readdirSync(join(here, "../engine/js"))
  .filter((name) => name.endsWith(".js"))
  .map((name) => `../engine/js/${name}`);
const sources = readdirSync(here, { recursive: true })
  .map((name) => name.replaceAll("\\", "/"))
  .filter((name) => !name.startsWith("node_modules") && /\.(js|mjs|css|json)$/.test(name))
  .concat(engine, "../playground.json", "../../../../trlab/drawing/looks.json") // what the playground folds in
  .concat("../../../../trlab/diagnose/judgement.json") // and how a dump is judged
  .sort();
const entries = sources.filter((name) => /^[^/]+\.js$/.test(name));

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

function parquetBanner() {
  const [terms, own] = ["hyparquet", "fzstd"].map((name) => read(`node_modules/${name}/LICENSE`)),
    holder = own.split("\n").find((line) => line.startsWith("Copyright"));
  return {
    js: `/* trust-region-book, MIT. Holds hyparquet, parts of hyparquet-compressors (Hyperparam), and fzstd (${holder}):\n${terms.trim()} */`,
  };
}

mkdirSync(out, { recursive: true });
for (const name of readdirSync(out))
  if (!/\.(still\.html|data\.json)$/.test(name)) rmSync(join(out, name), { recursive: true }); // drawn apart
await build({ ...common, entryPoints: entries, outdir: out, plugins: [styles, apart, workers] });
await build({ ...common, entryPoints: ["parts/common.js"], outfile: join(out, "common.js"), plugins: [styles] });
await build({
  ...common,
  format: "iife",
  banner: {},
  entryPoints: ["../engine/js/worker.js"],
  outfile: join(out, "workers", "lane.js"),
});
await build({
  ...common,
  format: "iife",
  banner: parquetBanner(),
  entryPoints: ["diagnose/parquet/reader.js"],
  outfile: join(out, "workers", "parquet.js"),
});

const hash = createHash("sha256");
for (const name of sources) hash.update(`${name}\n${read(name)}\n`);
const record = { sources: hash.digest("hex"), files: sources, esbuild: version };
writeFileSync(join(out, "record.json"), `${JSON.stringify(record, null, 1)}\n`);
