/**
 * Builds the widget into dist/, or into the folder given as argument: a folder named by the hash of all that is in it,
 * manifest.json, and texts.json for the server. The same sources give the same bytes. Fails if what a shopper loads outgrows size-budget.json.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { minify } from "terser";

const HERE = import.meta.dirname;
const OUT = resolve(process.argv[2] ?? join(HERE, "dist"));
const SETTINGS = '"__STOCKBELL_SETTINGS__"';
const VERSION = "__STOCKBELL_VERSION__";
const KEPT_BUILDS = 10;
/** Entries in `src/`, and their format. The two loaders are classic scripts, which pages may load by a plain tag. */
const ENTRIES = { loader: "iife", klaviyo: "iife", form: "esm", check: "esm", tracking: "esm" };
/** Scripts of snippets that shops need not put somewhere themselves. */
const SNIPPETS = { bigcommerce: "../snippets/bigcommerce/stockbell-bigcommerce.js" };
const LOADERS = ["loader.js", "klaviyo.js"];

/** Style sheets become strings; esbuild's own text loader would leave them as long as they are written. */
const minifiedCss = {
  name: "minified-css",
  setup(build) {
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await esbuild.transform(await readFile(path, "utf8"), { loader: "css", minify: true });
      // The spaces that are left stand in custom properties, where none of ours has a meaning.
      return { contents: code.trim().replace(/([,:]) /g, "$1"), loader: "text" };
    });
  },
};

async function readLocales() {
  const folder = join(HERE, "src", "locales");
  const names = (await readdir(folder)).filter((name) => name.endsWith(".json")).sort();
  const read = async (name) => [name.slice(0, -5), parse(name, await readFile(join(folder, name), "utf8"))];
  return Object.fromEntries(await Promise.all(names.map(read)));
}

function parse(name, text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${name}: ${error.message}`);
  }
}

async function bundle(entry, format, labels) {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: HERE,
    entryPoints: [`src/${entry}.js`],
    bundle: true,
    charset: "utf8",
    define: { STOCKBELL_LABELS: JSON.stringify(labels) },
    format,
    legalComments: "none",
    logLevel: "warning",
    minify: true,
    mangleProps: /^_/,
    reserveProps: /^_klOnsite$/,
    plugins: [minifiedCss],
    target: "es2022",
    write: false,
  });
  return squeeze(outputFiles[0].text, format === "esm");
}

/** A second minifier puts functions that are called once in their place, which the first one does not. */
async function squeeze(script, module) {
  const { code } = await minify(script, { module, ecma: 2022, compress: { passes: 3, pure_getters: true, unsafe_arrows: true } });
  // All code here is checked to be the same in either mode.
  return code.replace(/^"use strict";/, "");
}

async function textsModule(texts) {
  const { code } = await esbuild.transform(`export default ${JSON.stringify(texts)}`, { charset: "utf8", minify: true });
  return code;
}

function checkPlaceholder(name, script, placeholder) {
  const count = script.split(placeholder).length - 1;
  if (count !== 1) {
    throw new Error(`${name} must hold ${placeholder} once; it holds it ${count} times`);
  }
}

function measure(content) {
  const bytes = Buffer.from(content);
  return {
    raw: bytes.length,
    gzip: gzipSync(bytes, { level: 9 }).length,
    brotli: brotliCompressSync(bytes).length,
    integrity: `sha384-${createHash("sha384").update(bytes).digest("base64")}`,
  };
}

/** Settings of a shop that has changed its look, as the server puts them into the loader. */
const USUAL_SETTINGS = JSON.stringify({
  host: "https://stockbell.some-shop.example",
  key: "n7Zk2QvX9bLw4RjTf0HcYs",
  locale: "de",
  look: "--accent:var(--stockbell-accent,#1a4fd6);--on-accent:var(--stockbell-on-accent,#fff);--radius:var(--stockbell-radius,12px)",
});

/** What a shopper loads who opens the form: the loader as it is served, the form, and the longest of the texts. */
function checkBudget(loader, files, locales, budget) {
  const longest = Math.max(...locales.map((locale) => files[`${locale}.js`].brotli));
  const total = loader + files["form.js"].brotli + longest;
  console.log(`loader as served ${loader} of ${budget.loader} bytes, with form and longest texts ${total} of ${budget.total} (brotli)`);
  const sizes = { loader, total, klaviyo: files["klaviyo.js"].brotli, bigcommerce: files["bigcommerce.js"].brotli };
  for (const [name, most] of Object.entries(budget)) {
    if (sizes[name] > most) {
      throw new Error(`${name} has ${sizes[name]} bytes, ${sizes[name] - most} more than size-budget.json allows`);
    }
  }
}

/**
 * New files first, so that a server that reads the folder meanwhile always finds what the manifest names. Earlier builds
 * stay for pages that are pinned to one, but for those older than the last few.
 */
async function write(version, contents, others) {
  await mkdir(join(OUT, version), { recursive: true });
  for (const [name, content] of Object.entries(contents)) {
    await replace(join(OUT, version, name), content);
  }
  for (const [name, data] of Object.entries(others)) {
    await replace(join(OUT, name), `${JSON.stringify(data, null, 2)}\n`);
  }
  await utimes(join(OUT, version), new Date(), new Date());
  const folders = (await readdir(OUT)).filter((name) => !(name in others));
  const ages = await Promise.all(folders.map(async (name) => [(await stat(join(OUT, name))).mtimeMs, name]));
  const old = ages.sort(([a], [b]) => b - a).slice(KEPT_BUILDS);
  await Promise.all(old.map(([, name]) => rm(join(OUT, name), { recursive: true })));
}

/** Whoever reads the file meanwhile has all of the old one, or all of the new. */
async function replace(path, content) {
  await writeFile(`${path}.new`, content);
  await rename(`${path}.new`, path);
}

async function main() {
  const locales = await readLocales();
  const labels = Object.fromEntries(Object.entries(locales).map(([locale, { button }]) => [locale, button]));
  const contents = {};
  for (const [entry, format] of Object.entries(ENTRIES)) {
    contents[`${entry}.js`] = await bundle(entry, format, labels);
  }
  for (const [name, path] of Object.entries(SNIPPETS)) {
    contents[`${name}.js`] = await squeeze(await readFile(join(HERE, path), "utf8"), false);
  }
  // The label is in the loader; what is wrong with a quantity the browser itself says, but not on the hosted form.
  for (const [locale, { button, quantityInvalid, ...texts }] of Object.entries(locales)) {
    contents[`${locale}.js`] = await textsModule(texts);
  }
  const version = createHash("sha256").update(JSON.stringify(contents)).digest("hex").slice(0, 12);
  for (const name of LOADERS) {
    checkPlaceholder(name, contents[name], SETTINGS);
    checkPlaceholder(name, contents[name], VERSION);
    contents[name] = contents[name].replace(VERSION, version);
  }

  const files = Object.fromEntries(Object.entries(contents).map(([name, content]) => [name, measure(content)]));
  console.log(`${"bytes".padEnd(12)} ${"raw".padStart(7)} ${"gzip".padStart(7)} ${"brotli".padStart(7)}`);
  for (const [name, { raw, gzip, brotli }] of Object.entries(files)) {
    console.log(`${name.padEnd(12)} ${[raw, gzip, brotli].map((size) => String(size).padStart(7)).join(" ")}`);
  }
  const served = measure(contents["loader.js"].replace(SETTINGS, () => USUAL_SETTINGS));
  checkBudget(served.brotli, files, Object.keys(locales), JSON.parse(await readFile(join(HERE, "size-budget.json"), "utf8")));
  const manifest = { version, loader: `${version}/loader.js`, locales: Object.keys(locales), files, served };
  // The server's hosted form says the same in the same languages.
  await write(version, contents, { "texts.json": locales, "manifest.json": manifest });
}

main().catch((error) => {
  console.error(error.message);
  process.exitCode = 1;
});
