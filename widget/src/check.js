/**
 * "Is it working on my shop?": a panel over a real page of the shop, for whoever installs the snippet. Opened by
 * `#stockbell-check` behind the page's address; shoppers never load this file.
 */
import { request } from "./api.js";
import { h } from "./dom.js";
import { makeSheet } from "./styles.js";

/** @typedef {{ ok: boolean, words: string }} Finding */

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
button { margin-top: 8px; min-height: 44px; padding: 0 16px; font: inherit; }
`;

/** What the server's answers about a variant mean. */
const ANSWERS = {
  200: "Stockbell knows it",
  403: "Stockbell does not take requests from this address: set the shop's domain to the origin of this page",
  404: "Stockbell does not know it: see whether the shop's catalog is read, and the ids are those of the feed",
};

/**
 * Looks at everything and shows what works and what does not.
 *
 * @param {import("./types.js").Settings} settings
 */
export async function start(settings) {
  /** @type {Finding[]} */
  const findings = [{ ok: true, words: `The script runs, for the shop ${settings.key} at ${settings.host}.` }];
  const elements = /** @type {import("../stockbell.js").StockbellNotifyElement[]} */ (
    [...document.querySelectorAll("stockbell-notify")]
  );
  findings.push({
    ok: elements.length > 0,
    words: elements.length
      ? `${elements.length} button${elements.length > 1 ? "s" : ""} on this page.`
      : "There is no <stockbell-notify> on this page: put it where the button shall be (or use stockbell.open).",
  });
  for (const element of elements) {
    findings.push(await lookAt(element, settings));
  }
  findings.push(await loadForm());
  show(findings);
}

/**
 * @param {import("../stockbell.js").StockbellNotifyElement} element
 * @param {import("./types.js").Settings} settings
 * @returns {Promise<Finding>}
 */
async function lookAt(element, settings) {
  const { variantId } = element;
  if (!variantId) {
    return { ok: false, words: "A button knows no variant: set variant-id or variant-field, or choose a variant first." };
  }
  const place = element.hasAttribute("showing") ? "its button shows" : "its button is hidden";
  const path = `/api/v1/storefront/${settings.key}/variants/${encodeURIComponent(variantId)}`;
  try {
    const { status, body } = await request(settings.host + path);
    const words = ANSWERS[/** @type {200} */ (status)] || `Stockbell answers with ${status}`;
    const stock = status === 200 ? ` (${body.available ? "in stock" : "sold out"}, ${body.waiting} waiting)` : "";
    return { ok: status === 200, words: `Variant ${variantId}: ${place}; ${words}${stock}.` };
  } catch {
    const words = `Variant ${variantId}: ${place}; Stockbell cannot be reached from this page. If the address above is right,`;
    return { ok: false, words: `${words} the shop's domain or its Content-Security-Policy (connect-src) keeps it out.` };
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
  const items = findings.map(({ ok, words }) => h("li", ok ? {} : { class: "bad" }, words));
  const title = findings.every(({ ok }) => ok) ? "Stockbell works on this page" : "Stockbell does not work here yet";
  const close = h("button", { type: "button" }, "Close");
  close.onclick = () => host.remove();
  root.append(h("section", { role: "region", "aria-label": "Stockbell check" }, h("h2", {}, title), h("ul", {}, ...items), close));
  document.body.append(host);
}
