import { h, icon } from "./dom.js";

const CROSS = "M6 6l12 12M18 6 6 18";
const CHECK = "M5 12.5l4.5 4.5L19 7.5";
const WARNING = "M12 8v5M12 16.2v.1M12 3.5 2.5 20h19z";

/** @typedef {ReturnType<typeof createView>} View */

/**
 * Builds the dialog's elements. Ids are those of the shadow root, so that labels and descriptions reach their fields.
 *
 * @param {import("./types.js").FormTexts} texts
 * @param {string[]} asked What the shop asks for besides the address.
 * @param {string} locale
 */
export function createView(texts, asked, locale) {
  const title = h("h2", { id: "title" });
  const item = h("p", { class: "item" });
  const close = h("button", { type: "button", class: "close", "aria-label": texts.close }, icon(CROSS));
  const email = field("email", texts.email, {
    type: "email",
    inputmode: "email",
    autocapitalize: "none",
    spellcheck: "false",
    maxlength: "254",
    required: "",
  });
  const phone = field("tel", texts.phone, { type: "tel", maxlength: "40" });
  const quantity = field("quantity", texts.quantity, {
    type: "number",
    inputmode: "numeric",
    autocomplete: "off",
    min: "1",
    max: "9999",
    value: "1",
  });
  const marketing = h("input", { type: "checkbox", name: "marketing_consent" });
  const trap = honeypot();
  const alert = h("div", { role: "alert", class: "alert" });
  const status = h("p", { role: "status" });
  const submitLabel = h("span");
  const submit = h("button", { type: "submit" }, h("i"), submitLabel);

  const wanted = [
    email.part,
    asked.includes("phone") && phone.part,
    asked.includes("quantity") && quantity.part,
    asked.includes("marketing") && h("label", { class: "check" }, marketing, texts.marketing),
  ];
  const fields = h("div", { class: "fields" }, h("p", {}, texts.intro), trap);
  fields.append(.../** @type {Element[]} */ (wanted.filter(Boolean)));
  const note = h("p", { class: "note" }, texts.privacy);
  const form = h("form", { novalidate: "" }, fields, status, alert, submit, note);
  const badge = h("div", { class: "badge" }, icon(CHECK));
  const dialog = h(
    "dialog",
    { "aria-labelledby": "title", part: "dialog", dir: /ar|he/.test(locale) ? "rtl" : "ltr" },
    h("div", { class: "card" }, badge, title, item, form, close),
  );

  return { dialog, title, item, close, form, email, phone, quantity, marketing, trap, alert, status, submit, submitLabel };
}

/** @typedef {ReturnType<typeof field>} Field */

/**
 * A field with its label and the place for what is wrong with it.
 *
 * @param {string} id Also what browsers know it by, to fill it in.
 * @param {string} label
 * @param {Record<string, string>} attributes
 */
function field(id, label, attributes) {
  const input = h("input", { id, name: id, autocomplete: id, "aria-describedby": `${id}-error`, ...attributes });
  const error = h("p", { id: `${id}-error`, class: "error" });
  return { input, error, part: h("div", {}, h("label", { for: id }, label), input, error) };
}

/** A field that no person can see or reach, in any way; only robots fill it in. */
function honeypot() {
  return h("input", { name: "website", type: "text", tabindex: "-1", autocomplete: "off", hidden: "" });
}

/**
 * Shows a sentence with a warning sign, or nothing; in a dialog that scrolls, it comes into sight.
 *
 * @param {HTMLElement} place
 * @param {string} sentence
 */
export function setWarning(place, sentence) {
  place.replaceChildren(...(sentence ? [icon(WARNING), h("span", {}, sentence)] : []));
  place.scrollIntoView({ block: "nearest" });
}

/**
 * Keeps Tab and Shift+Tab inside the dialog; by itself the browser would go on to its own buttons.
 *
 * @param {KeyboardEvent} event
 * @param {HTMLElement} dialog
 * @param {ShadowRoot} root
 */
export function keepTabInside(event, dialog, root) {
  const stops = /** @type {HTMLElement[]} */ ([...dialog.querySelectorAll("input,button")]).filter(
    (stop) => stop.getClientRects().length,
  );
  const last = stops.length - 1;
  const [from, to] = event.shiftKey ? [0, last] : [last, 0];
  if (event.key === "Tab" && (root.activeElement === stops[from] || !root.activeElement)) {
    event.preventDefault();
    stops[to]?.focus();
  }
}
