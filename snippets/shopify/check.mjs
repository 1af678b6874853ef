/**
 * Runs Theme Check over the extension, as `shopify app build` does, and measures its assets. Fails on any error or
 * warning, and above Shopify's limits. Needs the copied loader: run ./build first.
 *
 * No network. Theme Check would look for newer docs of Liquid than its package brings, in a cache in the home folder
 * and on the internet. Both are pointed at an empty folder, so it uses the package's own docs: the same everywhere.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";

const EXTENSION = join(import.meta.dirname, "extensions", "stockbell");
// Bytes after compression, as Theme Check's AssetSizeAppBlockJavaScript and AssetSizeAppBlockCSS count them per file.
const LIMITS = { ".js": 10_000, ".css": 100_000 };

async function findOffenses() {
  const nowhere = await mkdtemp(join(tmpdir(), "stockbell-theme-check-"));
  // Read when the library is loaded, so it is loaded after that.
  Object.assign(process.env, { HOME: nowhere, XDG_CACHE_HOME: nowhere, SHOPIFY_TLD_ROOT: nowhere });
  try {
    const { Severity, themeCheckRun } = await import("@shopify/theme-check-node");
    const { theme, offenses } = await themeCheckRun(EXTENSION, "theme-check:theme-app-extension");
    console.log(`Theme Check: ${theme.length} files`);
    return offenses.map((offense) => {
      const file = relative(EXTENSION, fileURLToPath(offense.uri));
      const text = `${file}:${offense.start.line + 1}: ${offense.check}: ${offense.message}`;
      return { text, isFatal: offense.severity !== Severity.INFO };
    });
  } finally {
    await rm(nowhere, { recursive: true });
  }
}

/** The limits hold for each file; here all files of a kind together have to keep them. */
async function findTooBig() {
  const assets = join(EXTENSION, "assets");
  const sizes = { ".js": 0, ".css": 0 };
  for (const name of (await readdir(assets)).sort()) {
    const kind = Object.keys(sizes).find((ending) => name.endsWith(ending));
    if (kind) {
      const size = gzipSync(await readFile(join(assets, name)), { level: 9 }).length;
      console.log(`${name.padEnd(20)} ${String(size).padStart(6)} bytes compressed`);
      sizes[kind] += size;
    }
  }
  return Object.keys(sizes)
    .filter((kind) => sizes[kind] > LIMITS[kind])
    .map((kind) => ({ text: `${kind}: ${sizes[kind]} of ${LIMITS[kind]} bytes`, isFatal: true }));
}

const findings = [...(await findOffenses()), ...(await findTooBig())];
findings.forEach(({ text }) => console.error(text));
process.exitCode = findings.some(({ isFatal }) => isFatal) ? 1 : 0;
