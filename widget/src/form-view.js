import { h, icon } from "./dom.js";

const CROSS = "M6 6l12 12M18 6 6 18";
const CHECK = "M5 12.5l4.5 4.5L19 7.5";
const WARNING = "M12 8v5M12 16.2v.1M12 3.5 2.5 20h19z";

/** @typedef {ReturnType<typeof createView>} View */

/**
 * Builds the dialog's elements. Ids are those of the shadow root, so that labels and descriptions reach their fields.
 *
 * @param {import("./types.js").FormTexts} texts
 * @param {boolean} hasMarketing Whether the shop asks for consent to marketing.
 */
export function createView(texts, hasMarketing) {
  const title = h("h2", { id: "title" });
  const item = h("p", { class: "item" });
  const close = h("button", { type: "button", class: "close", "aria-label": texts.close }, icon(CROSS));
  const { field, ...email } = emailField(texts);
  const marketing = h("input", { type: "checkbox", name: "marketing_consent" });
  const trap = honeypot();
  const alert = h("div", { role: "alert", class: "alert" });
  const status = h("p", { role: "status" });
  const submitLabel = h("span");
  const submit = h("button", { type: "submit" }, h("i"), submitLabel);

  const consent = hasMarketing ? h("label", { class: "check" }, marketing, texts.marketing) : "";
  const fields = h("div", { class: "fields" }, h("p", {}, texts.intro), field, trap, consent);
  const note = h("p", { class: "note" }, texts.privacy);
  const form = h("form", { novalidate: "" }, fields, status, alert, submit, note);
  const badge = h("div", { class: "badge" }, icon(CHECK));
  const dialog = h(
    "dialog",
    { "aria-labelledby": "title", closedby: "any", part: "dialog" },
    h("div", { class: "card" }, badge, title, item, form, close),
  );

  return { dialog, title, item, close, form, ...email, marketing, trap, alert, status, submit, submitLabel };
}

/** @param {import("./types.js").FormTexts} texts */
function emailField(texts) {
  const email = h("input", {
    id: "email",
    name: "email",
    type: "email",
    inputmode: "email",
    autocomplete: "email",
    autocapitalize: "none",
    spellcheck: "false",
    maxlength: "254",
    required: "",
    "aria-describedby": "email-error",
  });
  const emailError = h("p", { id: "email-error", class: "error" });
  const field = h("div", {}, h("label", { for: "email" }, texts.email), email, emailError);
  return { field, email, emailError };
}

/** A field that no person can see or reach, in any way; only robots fill it in. */
function honeypot() {
  return h("input", { name: "website", type: "text", tabindex: "-1", autocomplete: "off", hidden: "" });
}

/**
 * Shows a sentence with a warning sign, or nothing.
 *
 * @param {HTMLElement} place
 * @param {string} sentence
 */
export function setWarning(place, sentence) {
  place.replaceChildren(...(sentence ? [icon(WARNING), h("span", {}, sentence)] : []));
}

/**
 * Keeps Tab and Shift+Tab inside the dialog; by itself the browser would go on to its own buttons.
 *
 * @param {KeyboardEvent} event
 * @param {HTMLElement} dialog
 * @param {ShadowRoot} root
 */
export function keepTabInside(event, dialog, root) {
  if (event.key !== "Tab") {
    return;
  }
  const stops = [...dialog.querySelectorAll("input,button")].filter((stop) => stop.getClientRects().length);
  const from = event.shiftKey ? stops[0] : stops[stops.length - 1];
  const to = event.shiftKey ? stops[stops.length - 1] : stops[0];
  if (root.activeElement === from || !root.activeElement) {
    event.preventDefault();
    /** @type {HTMLElement | undefined} */ (to)?.focus();
  }
}
