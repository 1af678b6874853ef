import { h, icon } from "./dom.js";
import { button as de } from "./locales/de.js";
import { button as en } from "./locales/en.js";
import { pageLanguage, pickTexts } from "./texts.js";

const BELL = "M6 17h12c-1.3-1.2-2-3-2-7a4 4 0 0 0-8 0c0 4-.7 5.8-2 7zM10.5 20h3M12 6V4";

/**
 * Builds the button, and under it a link to the hosted form, hidden until the form cannot be shown here.
 *
 * @param {Element} element
 * @param {ShadowRoot} root
 * @param {import("./types.js").Config} config
 */
export function createButton(element, root, config) {
  const { locale, texts } = pickTexts({ en, de }, pageLanguage(element), config);
  const button = h("button", { type: "button", part: "button" }, icon(BELL), texts.button);
  const link = h("a", { hidden: "" }, texts.loadFailed);
  const container = h("div", { class: "root", lang: locale }, button, h("div", { role: "alert", part: "problem" }, link));

  applyLook(container, config.look);
  root.append(container);
  return { container, button, link };
}

/**
 * Sets the merchant's look as fallbacks of the public custom properties, which the theme's own CSS may set.
 *
 * @param {HTMLElement} container
 * @param {import("./types.js").Config["look"]} look
 */
function applyLook(container, look) {
  for (const [name, value] of Object.entries(look)) {
    // Through the object model: allowed by every `style-src`, and no value can reach beyond its own property.
    container.style.setProperty(`--look-${name}`, value);
  }
}
