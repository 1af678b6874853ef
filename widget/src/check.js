/**
 * "Is it working on my shop?": a panel over a real page of the shop, for whoever installs the snippet. Opened by
 * `#stockbell-check` behind the page's address; shoppers never load this file.
 */
import { request } from "./api.js";
import { h } from "./dom.js";
import { makeSheet } from "./styles.js";

/**
 * @typedef {import("../stockbell.js").StockbellNotifyElement} StockbellElement
 * @typedef {{ ok: boolean | null, words: string }} Finding `ok` is null for what only the merchant can judge.
 */

const CSS = `
:host { all: initial !important; }
section { position: fixed; inset: auto 16px 16px auto; z-index: 2147483647; box-sizing: border-box; max-width: min(440px, calc(100vw - 32px));
  max-height: 70vh; overflow: auto; padding: 20px; border: 1px solid #8a8a8a; border-radius: 12px; background: #fff; color: #1c1c1e;
  font: 15px/1.45 system-ui, sans-serif; box-shadow: 0 12px 40px rgb(0 0 0 / 30%); }
h2 { margin: 0 0 8px; font-size: 17px; }
ul { margin: 0; padding: 0; list-style: none; }
li { margin: 8px 0; padding-inline-start: 26px; position: relative; overflow-wrap: anywhere; }
li::before { position: absolute; inset-inline-start: 0; font-weight: 700; content: "✓"; color: #1b7a43; }
li.bad::before { content: "✕"; color: #b3261e; }
li.look::before { content: "!"; color: #8a5a00; }
button { margin-top: 8px; min-height: 44px; padding: 0 16px; font: inherit; }
`;

/** What the server's answers about a variant mean. */
const ANSWERS = {
  200: "Stockbell knows it",
  403: "Stockbell does not take requests from this address: set the shop's domain to the origin of this page",
  404: "Stockbell does not know it: see whether the shop's catalog is read, and the ids are those of the feed",
};

const SCRIPT = /\/s\/([\w-]+)(?:\.js|\/klaviyo\.js)$/;
const PINNED = /\/widget\/\w+\/loader\.js$/;
const COPY = /\/(?:stockbell|loader)\.js$/;

/**
 * Looks at everything and shows what works and what does not.
 *
 * @param {import("./types.js").Settings} settings
 */
export async function start(settings) {
  const elements = /** @type {StockbellElement[]} */ ([...document.querySelectorAll("stockbell-notify")]);
  const triggers = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("[data-stockbell-open]")]);
  const ids = new Set(triggers.map(({ dataset }) => dataset.stockbellOpen || "").filter(Boolean));
  /** @type {Finding[]} */
  const findings = [{ ok: true, words: `The script runs, for the shop ${settings.key} at ${settings.host}.` }];
  findings.push(...lookAtScripts(settings), ...count(elements, triggers));
  for (const element of elements) {
    findings.push(await lookAt(element, settings));
  }
  for (const variantId of ids) {
    findings.push((await ask(variantId, settings, "a trigger opens the form")).finding);
  }
  findings.push(await loadForm());
  show(findings);
}

/**
 * Whether the script is on the page once, and for one shop.
 *
 * @param {import("./types.js").Settings} settings
 * @returns {Finding[]}
 */
function lookAtScripts({ key }) {
  const tags = [...document.scripts].filter(({ src }) => src);
  const paths = tags.map(({ src, dataset }) => ({ path: new URL(src).pathname, named: dataset.key }));
  const keys = paths.map(({ path, named }) => SCRIPT.exec(path)?.[1] || (COPY.test(path) && named) || "");
  const others = new Set(keys.filter((each) => each && each !== key));
  const times = paths.filter(({ path }) => SCRIPT.test(path) || PINNED.test(path)).length;
  const findings = [...others].map((other) => ({ ok: false, words: `A script tag is for another shop, ${other}: remove it.` }));
  return times > 1 && !others.size ? [{ ok: false, words: `The script stands ${times} times on this page: keep one.` }] : findings;
}

/**
 * @param {StockbellElement[]} elements
 * @param {HTMLElement[]} triggers
 * @returns {Finding[]}
 */
function count(elements, triggers) {
  const there = [
    elements.length && `${elements.length} <stockbell-notify>`,
    triggers.length && `${triggers.length} data-stockbell-open`,
  ].filter(Boolean);
  if (there.length) {
    return [{ ok: true, words: `On this page: ${there.join(" and ")}.` }];
  }
  const words = "There is no <stockbell-notify> on this page: put it where the button shall be. Only where your own code";
  return [{ ok: null, words: `${words} calls stockbell.open, none is needed.` }];
}

/**
 * @param {StockbellElement} element
 * @param {import("./types.js").Settings} settings
 * @returns {Promise<Finding>}
 */
async function lookAt(element, settings) {
  for (const name of ["variant-field", "replaces"]) {
    const selector = element.getAttribute(name);
    if (selector && !isSelector(selector)) {
      return { ok: false, words: `A button's ${name} is no CSS selector: ${selector}. It stays hidden until that is mended.` };
    }
  }
  const { variantId } = element;
  if (!variantId) {
    return { ok: false, words: "A button knows no variant: set variant-id or variant-field, or choose a variant first." };
  }
  const isShown = element.hasAttribute("showing");
  const { finding, available } = await ask(variantId, settings, `its button ${isShown ? "shows" : "is hidden"}`);
  if (available === true && isShown) {
    const words = "The page says that it is sold out, so who signs up hears at once that it can be bought: the page may come";
    return { ok: false, words: `${finding.words} ${words} from a cache, or Stockbell may not have the newest stock.` };
  }
  if (available === false && !isShown) {
    const words = "The page says that it can be bought: right if some are left, fewer than your minimum inventory; else the page";
    return { ok: null, words: `${finding.words} ${words} may come from a cache, or Stockbell may not have the newest stock.` };
  }
  return finding;
}

/** @param {string} selector */
function isSelector(selector) {
  try {
    return document.querySelector(selector) !== undefined;
  } catch {
    return false;
  }
}

/**
 * What Stockbell knows of a variant.
 *
 * @param {string} variantId
 * @param {import("./types.js").Settings} settings
 * @param {string} place What the page does with it.
 * @returns {Promise<{ finding: Finding, available?: boolean }>}
 */
async function ask(variantId, settings, place) {
  const path = `/api/v1/storefront/${settings.key}/variants/${encodeURIComponent(variantId)}`;
  try {
    const { status, body } = await request((settings.api || settings.host) + path);
    const words = ANSWERS[/** @type {200} */ (status)] || `Stockbell answers with ${status}`;
    if (status !== 200) {
      return { finding: { ok: false, words: `Variant ${variantId}: ${place}; ${words}.` } };
    }
    const { available, waiting } = body;
    const stock = `${available ? "in stock" : "sold out"}, ${waiting} waiting`;
    return { finding: { ok: true, words: `Variant ${variantId}: ${place}; ${words} (${stock}).` }, available };
  } catch {
    const words = `Variant ${variantId}: ${place}; Stockbell cannot be reached from this page. If the address above is right,`;
    return { finding: { ok: false, words: `${words} the shop's domain or its Content-Security-Policy (connect-src) keeps it out.` } };
  }
}

/** @returns {Promise<Finding>} */
async function loadForm() {
  try {
    await import(new URL("form.js", import.meta.url).href);
    return { ok: true, words: "The form can be loaded." };
  } catch {
    return { ok: false, words: "The form cannot be loaded: allow Stockbell in script-src of the Content-Security-Policy." };
  }
}

/** @param {Finding[]} findings */
function show(findings) {
  const host = h("div", { id: "stockbell-check" });
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [makeSheet(CSS)];
  const items = findings.map(({ ok, words }) => h("li", { class: ok ? "good" : ok === null ? "look" : "bad" }, words));
  const isUnsure = findings.some(({ ok }) => ok === null);
  const works = isUnsure ? "Stockbell works on this page, but look at one thing" : "Stockbell works on this page";
  const title = findings.some(({ ok }) => ok === false) ? "Stockbell does not work here yet" : works;
  const close = h("button", { type: "button" }, "Close");
  close.onclick = () => host.remove();
  root.append(h("section", { role: "region", "aria-label": "Stockbell check" }, h("h2", {}, title), h("ul", {}, ...items), close));
  document.body.append(host);
}
