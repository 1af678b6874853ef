/**
 * The loader for pages that hold Klaviyo's back-in-stock snippet: it understands the calls that stand there, so a shop
 * that moves over changes the address of one script. Names and defaults are those of Klaviyo's published snippet.
 */
import { settings } from "./config.js";
import { h } from "./dom.js";
import { labels } from "./labels.js";
import "./loader.js";

/**
 * @typedef {Record<string, any>} Options
 * @typedef {{ id: number, title?: string, available: boolean, inventory_quantity?: number, inventory_policy?: string,
 *   inventory_management?: string | null }} Variant
 * @typedef {{ id: number, title: string, tags: string[], variants: Variant[] }} Product
 */

const CART = "form[action*='/cart/add']";
const ADD_TO_CART = `${CART} [type=submit],${CART} [name=add]`;
const TRIGGER = "klaviyo-bis-trigger";

/** Klaviyo's name for a text, and ours. */
const TEXTS = {
  headline: "title",
  body_content: "intro",
  email_field_label: "email",
  button_label: "submit",
  close_label: "close",
  newsletter_subscribe_label: "marketing",
  subscription_success_label: "accepted",
  quantity_field_label: "quantity",
  footer_content: "privacy",
};
/** Klaviyo's name for a look, and our custom property. */
const LOOKS = {
  background_color: "surface",
  text_color: "text",
  button_background_color: "accent",
  button_text_color: "on-accent",
  font_family: "font",
};

/** @type {Options} */
let account = {};
/** @type {Record<string, string>} The merchant's texts, with places for the product's name. */
let words = {};

/** @type {Record<string, (...given: any[]) => void>} */
const calls = {
  /** @param {Options} options */
  init: (options) => {
    account = { ...options };
  },
  /** @param {string} feature @param {Options} [options] */
  enable: (feature, options = {}) => {
    if (feature === "backinstock") {
      // The snippet may stand in front of what it is about.
      const start = () => void enable(options.trigger || {}, options.modal || {});
      if (document.readyState === "loading") {
        document.addEventListener("DOMContentLoaded", start);
      } else {
        start();
      }
    }
  },
  /** Nothing is ever written to the console. */
  logging: () => {},
};
const page = /** @type {any} */ (window);

/** Takes the calls over; all others go where they went: Klaviyo's own script may still be there, for its forms. */
function answerCalls() {
  const others = Object(page.klaviyo || []);
  page.klaviyo = new Proxy(others, {
    get: (target, name) => (Object.hasOwn(calls, name) ? calls[/** @type {string} */ (name)] : Reflect.get(target, name)),
  });
  // What was called before this file came waits where Klaviyo's snippet has put it: the name, what was given, whom to tell.
  for (const queue of [page._klOnsite, others].filter(Array.isArray)) {
    for (const call of [...queue].filter(([name]) => Object.hasOwn(calls, name))) {
      const [name, ...given] = /** @type {any[]} */ (call);
      queue.splice(queue.indexOf(call), 1);
      calls[name]?.(...given);
      given.forEach((each) => typeof each === "function" && each());
    }
  }
}

/**
 * @param {Options} trigger
 * @param {Options} modal
 */
async function enable(trigger, modal) {
  takeOver(modal);
  if (account.platform === "bigcommerce") {
    bringBigCommerce(trigger);
    return;
  }
  const [, root, handle] = /^(.*)\/products\/([^/]+)/.exec(location.pathname) || [];
  const product = handle ? await readProduct(`${root}/products/${handle}.js`) : null;
  if (product) {
    place(product, trigger, modal);
  }
  for (const card of document.querySelectorAll(".klaviyo-product-container[data-klaviyo-handle]")) {
    // Nothing is asked for before somebody comes to the product, by mouse, touch or keyboard.
    const meet = () => {
      for (const way of WAYS) {
        card.removeEventListener(way, meet);
      }
      void placeOnCard(card, trigger, modal);
    };
    for (const way of WAYS) {
      card.addEventListener(way, meet, { passive: true });
    }
  }
}

const WAYS = ["pointerenter", "touchstart", "focusin"];

/**
 * The shop's words and fields, as Klaviyo's options say them.
 *
 * @param {Options} modal
 */
function takeOver(modal) {
  const given = Object.entries(TEXTS).filter(([name]) => modal[name]);
  // Klaviyo takes markup here; what is shown as text would show it.
  words = Object.fromEntries(given.map(([name, ours]) => [ours, `${modal[name]}`.replace(/<[^>]*>/g, "").trim()]));
  const fields = new Set(settings.fields);
  if (account.list) {
    fields.add("marketing");
  }
  if (modal.is_quantity_field_enabled) {
    fields.add("quantity");
  }
  settings.fields = [...fields];
}

/**
 * Leaves a BigCommerce store's pages to the script that knows them.
 *
 * @param {Options} trigger
 */
function bringBigCommerce(trigger) {
  const title = document.querySelector("meta[property='og:title']")?.getAttribute("content") || "";
  const { product_page_text: label } = trigger;
  const filled = { ...fillIn(title), ...(label && { button: label }) };
  // Klaviyo's words are in no certain language; those that were written for one go before them.
  const texts = Object.keys(labels).map((locale) => [locale, { ...filled, ...settings.texts?.[locale] }]);
  settings.texts = Object.fromEntries(texts);
  const replaces = (trigger.replace_sold_out || trigger.replace_anchor) && { "data-replaces": "#form-action-addToCart" };
  const script = h("script", { "data-look": "theme", ...replaces });
  script.src = `${settings.host}/s/${settings.key}/bigcommerce.js`;
  document.head.append(script);
}

/**
 * The merchant's words, with the product's name in its places.
 *
 * @param {string} title
 */
function fillIn(title) {
  const filled = Object.entries(words).map(([name, text]) => [name, text.replace(/\{product_name\}/g, () => title)]);
  return /** @type {Record<string, string>} */ (Object.fromEntries(filled));
}

/**
 * @param {string} address
 * @returns {Promise<Product | null>} What the shop itself says of a product; null if it does not.
 */
async function readProduct(address) {
  try {
    const response = await fetch(address);
    return response.ok ? await response.json() : null;
  } catch {
    return null;
  }
}

/** @param {string} list */
function names(list) {
  return (list || "").split(",").map((name) => name.trim().toLowerCase()).filter(Boolean);
}

/** @param {Product} product */
function isWanted(product) {
  const tags = product.tags.map((tag) => tag.toLowerCase());
  const include = names(account.include_on_tags);
  return (
    !names(account.exclude_on_tags).some((tag) => tags.includes(tag)) &&
    (!include.length || include.some((tag) => tags.includes(tag)))
  );
}

/** @param {Variant} variant */
function isSoldOut(variant) {
  const { inventory_quantity: quantity, inventory_policy: policy, inventory_management: management, available } = variant;
  const least = account.inventory_quantity_threshold ?? 1;
  return (
    (quantity === undefined ? !available : quantity < least) &&
    (account.display_on_policy_continue || policy !== "continue") &&
    (account.is_allow_for_preorder !== false || !available) &&
    (account.is_allow_for_unmanaged_inventory !== false || !!management)
  );
}

/**
 * The element for a product, with what Klaviyo's options say of its look.
 *
 * @param {Product} product
 * @param {Options} trigger
 * @param {Options} modal
 * @param {"product_page" | "collection_page"} where
 */
function makeElement(product, trigger, modal, where) {
  const element = h(/** @type {any} */ ("stockbell-notify"), {
    "product-id": `${product.id}`,
    "product-title": product.title,
    "sold-out": product.variants.filter(isSoldOut).map(({ id }) => id).join(" "),
    "button-class": trigger[`${where}_class`] ?? "btn",
    ...(trigger[`${where}_text`] && { label: trigger[`${where}_text`] }),
    ...(account.variant_id_element && { "variant-field": account.variant_id_element }),
  });
  for (const [name, ours] of Object.entries(LOOKS)) {
    if (modal[name]) {
      element.style.setProperty(`--stockbell-${ours}`, modal[name]);
    }
  }
  element.style.textAlign = trigger[`${where}_text_align`] || "";
  element.style.margin = trigger[`${where}_margin`] || "";
  element.style.padding = trigger[`${where}_padding`] || "";
  return Object.assign(element, { texts: fillIn(product.title) });
}

/**
 * Puts the element where Klaviyo's script would put its button.
 *
 * @param {Product} product
 * @param {Options} trigger
 * @param {Options} modal
 */
function place(product, trigger, modal) {
  const form = document.querySelector(CART);
  if (!isWanted(product) || document.querySelector("stockbell-notify")) {
    return;
  }
  const element = makeElement(product, trigger, modal, "product_page");
  const own = document.querySelector(`.${TRIGGER}`);
  const anchor = trigger.alternate_anchor && document.getElementById(trigger.alternate_anchor);
  const buttons = form?.querySelector("[type=submit],[name=add]");
  if (trigger.replace_sold_out || trigger.replace_anchor) {
    element.setAttribute("replaces", anchor ? `#${CSS.escape(anchor.id)} > :not(stockbell-notify)` : ADD_TO_CART);
  }
  if (own) {
    own.before(element);
    own.setAttribute("slot", "button");
    element.append(own);
  } else if (anchor) {
    anchor.append(element);
  } else if (element.hasAttribute("replaces") && buttons) {
    buttons.after(element);
  } else {
    form?.append(element);
  }
}

/**
 * @param {Element} card
 * @param {Options} trigger
 * @param {Options} modal
 */
async function placeOnCard(card, trigger, modal) {
  const product = await readProduct(`/products/${card.getAttribute("data-klaviyo-handle")}.js`);
  const soldOut = product?.variants.filter(isSoldOut) || [];
  // Of a product of which something can be bought, the card leads to the product's page.
  if (product && isWanted(product) && soldOut.length && soldOut.length === product.variants.length) {
    const element = makeElement(product, trigger, modal, "collection_page");
    element.setAttribute("variant-id", `${soldOut[0]?.id}`);
    (card.querySelector(".klaviyo-button-container") || card).append(element);
  }
}

answerCalls();
