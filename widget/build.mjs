/**
 * Builds the widget into dist/, or into the folder given as argument: loader, form, manifest. The same sources give the
 * same bytes. Fails if a file outgrows size-budget.json (bytes after gzip).
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const HERE = import.meta.dirname;
const OUT = resolve(process.argv[2] ?? join(HERE, "dist"));
const PLACEHOLDER = '"__STOCKBELL_CONFIG__"';

/** Style sheets become strings; esbuild's own text loader would leave them as long as they are written. */
const minifiedCss = {
  name: "minified-css",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await esbuild.transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      return { contents: code.trim(), loader: "text" };
    });
  },
};

async function bundle(entry, format) {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: HERE,
    entryPoints: [`src/${entry}`],
    bundle: true,
    charset: "utf8",
    format,
    legalComments: "none",
    logLevel: "warning",
    minify: true,
    mangleProps: /^_/,
    plugins: [minifiedCss],
    target: "es2020",
    write: false,
  });
  return Buffer.from(outputFiles[0].contents);
}

function checkPlaceholder(loader) {
  const count = loader.toString().split(PLACEHOLDER).length - 1;
  if (count !== 1) {
    throw new Error(`loader.js must hold ${PLACEHOLDER} once, for the server to replace; it holds it ${count} times`);
  }
}

function measure(content) {
  return {
    raw: content.length,
    gzip: gzipSync(content, { level: 9 }).length,
    brotli: brotliCompressSync(content).length,
  };
}

function checkBudget(sizes, budget) {
  const loader = sizes["loader.js"].gzip;
  const total = Object.values(sizes).reduce((sum, size) => sum + size.gzip, 0);
  console.log(`${"total".padEnd(24)} ${"".padStart(7)} ${String(total).padStart(7)}`);
  if (loader > budget.loader || total > budget.total) {
    throw new Error(`too big after gzip: loader ${loader} of ${budget.loader} bytes, all ${total} of ${budget.total}`);
  }
}

/** New files first, so that a server that reads the folder meanwhile always finds what the manifest names. */
async function write(files) {
  await mkdir(OUT, { recursive: true });
  for (const [name, content] of Object.entries(files)) {
    await writeFile(join(OUT, name), content);
  }
  const old = (await readdir(OUT)).filter((name) => /^form-.*\.js$/.test(name) && !(name in files));
  await Promise.all(old.map((name) => rm(join(OUT, name))));
}

async function main() {
  const loader = await bundle("loader.js", "iife");
  const form = await bundle("form.js", "esm");
  checkPlaceholder(loader);

  const formName = `form-${createHash("sha256").update(form).digest("hex").slice(0, 12)}.js`;
  const files = { "loader.js": loader, [formName]: form };
  const sizes = Object.fromEntries(Object.entries(files).map(([name, content]) => [name, measure(content)]));

  console.log(`${"bytes".padEnd(24)} ${"raw".padStart(7)} ${"gzip".padStart(7)} ${"brotli".padStart(7)}`);
  for (const [name, { raw, gzip, brotli }] of Object.entries(sizes)) {
    console.log(`${name.padEnd(24)} ${[raw, gzip, brotli].map((size) => String(size).padStart(7)).join(" ")}`);
  }
  checkBudget(sizes, JSON.parse(await readFile(join(HERE, "size-budget.json"), "utf8")));

  const manifest = { loader: "loader.js", form: formName, sizes };
  await write({ ...files, "manifest.json": `${JSON.stringify(manifest, null, 2)}\n` });
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
