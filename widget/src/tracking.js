/**
 * What shoppers look at, put into the cart and begin to buy, for alerts about what is nearly sold out. Loaded only where
 * the shop has turned it on, and silent until the shop's consent tool says yes: before that nothing is sent, kept or
 * remembered for later. When the consent is taken back, what was kept in the browser is deleted.
 */
import { consent, requestShopifysWord } from "./consent.js";
import { VARIANT_FIELD, chosenAmong, nearest } from "./selection.js";

/**
 * @typedef {"viewed" | "added_to_cart" | "started_checkout"} EventType
 * @typedef {{ productId?: string | null, variantId?: string | null, quantity?: number }} Subject
 * @typedef {Subject & { at: number }} CartLine
 * @typedef {import("../stockbell.js").StockbellNotifyElement} StockbellElement
 */

const LOOK_MS = 1000;
const MOST_VIEWS = 20;
/** Of the cart, and of events in one request. */
const MOST_LINES = 50;
const MOST_WAITING = 200;
const MOST_UNITS = 9999;
const FIRST_WAIT_MS = 2000;
const MOST_WAIT_MS = 300_000;
const CART_DAYS = 7;
const DAY_MS = 86_400_000;
const VISITOR = "stockbell-visitor";
const CART = "stockbell-cart";

const ELEMENT = "stockbell-notify[product-id]";
const ADD_FORM =
  "form:is([action*='/cart/add'],[data-cart-item-add],[data-stockbell-add],.cart:has([name=add-to-cart]))";
const CHECKOUT = "a[href*='/checkout'],[name=checkout],[formaction*='/checkout'],[data-stockbell-checkout]";
const PRODUCT_FIELD = ":is([name=product-id],[name=product_id],[name=product],[name=add-to-cart])";
const QUANTITY_FIELD = ":is([name=quantity],[name=qty],[name='qty[]'])";

let address = "";
/** @type {string | null} Where to ask whether the shop still wants to know; null once it is known to. */
let question = null;
/** The shop does not want to know, whatever the page says. */
let isOff = false;
/** @type {object[]} Events that the server has not taken yet. */
let queue = [];
/** @type {string | null} The browser's number, also where it cannot be kept from page to page. */
let visitor = null;
let waitMs = 0;
let nextTry = 0;
/** What was seen at the last look: it counts as viewed when it is still there at the next. */
let seen = "";
/** @type {Set<string>} */
const viewed = new Set();

/**
 * Begins to watch the page.
 *
 * @param {import("./types.js").Settings} settings
 */
export function start({ host, api, key, pinned }) {
  address = `${api || host}/api/v1/storefront/${key}/events`;
  // The tag of a pinned loader says what was so when it was written.
  question = pinned ? `${host}/s/${key}.json` : null;
  requestShopifysWord();
  setInterval(look, LOOK_MS);
  document.addEventListener("submit", ({ target }) => addToCart(/** @type {Element} */ (target)), true);
  document.addEventListener("click", ({ target }) => startCheckout(/** @type {Element} */ (target)), true);
  document.addEventListener("visibilitychange", send);
  Object.assign(/** @type {any} */ (window).stockbell, {
    track: (/** @type {EventType} */ type, /** @type {Subject} */ subject) => {
      track(type, subject);
      send();
    },
  });
}

/**
 * @param {EventType} type
 * @param {Subject} subject
 */
function track(type, subject) {
  const { productId, variantId } = subject;
  if ((productId || variantId) && !isOff && consent()) {
    queue.push({
      event_id: newId(),
      type,
      ...(productId && { product_id: productId }),
      ...(variantId && { variant_id: variantId }),
      ...(type !== "viewed" && { quantity: Math.min(Math.max(Math.round(subject.quantity || 1), 1), MOST_UNITS) }),
      occurred_at: new Date().toISOString(),
    });
    if (type === "added_to_cart") {
      keep(CART, JSON.stringify([...cart(), { ...subject, at: Date.now() }].slice(-MOST_LINES)));
    }
  }
}

function look() {
  const word = consent();
  if (word === false) {
    forget();
  }
  // A page that is loaded ahead, or lies behind others, is not looked at.
  if (word && !document.hidden) {
    const product = productOfPage();
    const subject = product && { productId: product.getAttribute("product-id"), variantId: product.variantId };
    const now = subject ? `${subject.productId} ${subject.variantId || ""}` : "";
    if (subject && now === seen && !viewed.has(now) && viewed.size < MOST_VIEWS) {
      viewed.add(now);
      track("viewed", subject);
    }
    seen = now;
    send();
  }
}

/**
 * The one product that the page is about; null on pages with several, such as collections, unless they say that they
 * are a product's.
 */
function productOfPage() {
  const elements = /** @type {StockbellElement[]} */ ([...document.querySelectorAll(ELEMENT)]);
  const products = new Set(elements.map((element) => element.getAttribute("product-id")));
  const isProductPage = products.size === 1 || document.querySelector("meta[property='og:type'][content*=product]");
  return (isProductPage && elements[0]) || null;
}

/** @param {Element} form */
function addToCart(form) {
  if (form.matches(ADD_FORM)) {
    const named = value(form, PRODUCT_FIELD);
    const chosen = chosenAmong([...form.querySelectorAll(VARIANT_FIELD)]);
    const around = /** @type {StockbellElement | undefined} */ (form.querySelector(ELEMENT) || nearest(form, ELEMENT)[0]);
    // The element knows best what is chosen, if it is about this form's product.
    const isOther = named ? around?.getAttribute("product-id") !== named : chosen && around?.variantId !== chosen;
    const element = around && !isOther ? around : null;
    const variantId = element ? element.variantId : chosen || null;
    const productId = element ? element.getAttribute("product-id") : named || null;
    track("added_to_cart", { productId, variantId, quantity: Number(value(form, QUANTITY_FIELD)) });
    send();
  }
}

/** @param {Element} target */
function startCheckout(target) {
  if (target.closest?.(CHECKOUT)) {
    for (const line of cart()) {
      track("started_checkout", line);
    }
    if (consent()) {
      // Told once. What is bought or taken out of the cart after that is not for a page to know.
      keep(CART, "[]");
    }
    send();
  }
}

/**
 * @param {Element} form
 * @param {string} selector
 */
function value(form, selector) {
  return /** @type {HTMLInputElement | null} */ (form.querySelector(selector))?.value || "";
}

/** Sends what has gathered. What does not arrive is tried again, after longer and longer times. */
function send() {
  if (queue.length && Date.now() > nextTry && consent()) {
    void flush();
  }
}

async function flush() {
  const events = queue.splice(0, MOST_LINES);
  try {
    if (question) {
      const settings = await fetch(question, { credentials: "omit" });
      if (!(await settings.json()).events) {
        stop();
        return;
      }
      question = null;
    }
    visitor = visitor || /^[\da-f]{32}$/.exec(kept(VISITOR) || "")?.[0] || newId();
    keep(VISITOR, visitor);
    const response = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ visitor_id: visitor, events }),
      credentials: "omit",
      keepalive: true, // A checkout leaves the page at once.
    });
    if (response.status === 403) {
      stop();
    }
    if (response.status === 429 || response.status >= 500) {
      throw new Error();
    }
    waitMs = 0;
  } catch {
    queue = [...events, ...queue].slice(-MOST_WAITING);
    waitMs = Math.min(2 * waitMs || FIRST_WAIT_MS, MOST_WAIT_MS);
    nextTry = Date.now() + waitMs;
  }
}

/** @returns {CartLine[]} What was put into the cart here lately. */
function cart() {
  try {
    const lines = /** @type {CartLine[]} */ (JSON.parse(kept(CART) || "[]"));
    return lines.filter(({ at }) => at > Date.now() - CART_DAYS * DAY_MS);
  } catch {
    return [];
  }
}

function stop() {
  isOff = true;
  forget();
}

function forget() {
  queue = [];
  visitor = null;
  try {
    localStorage.removeItem(VISITOR);
    localStorage.removeItem(CART);
  } catch {
    // Nothing could be kept either.
  }
}

/** @param {string} name */
function kept(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string} text
 */
function keep(name, text) {
  try {
    localStorage.setItem(name, text);
  } catch {
    // Then each page is somebody else.
  }
}

/** @returns {string} 32 random hexadecimal digits; `randomUUID` is missing on pages without TLS. */
function newId() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
