import { settings } from "./config.js";
import { h } from "./dom.js";
import { labels } from "./labels.js";
import { pickLocale } from "./languages.js";
import { themeButtons } from "./theme.js";

/**
 * Builds the button, and under it a link to the hosted form, hidden until the form cannot be shown here.
 *
 * The button is ours, with the shop's look; or the page's own, if it has put one inside the element (`slot="button"`); or
 * one in the page's tree with given classes or those of the theme's button, so that the theme's styles are its own, too.
 *
 * @param {Element} element
 * @param {ShadowRoot} root
 */
export function createButton(element, root) {
  const language = /** @type {HTMLElement | null} */ (element.closest("[lang]"))?.lang || settings.locale;
  const locale = pickLocale(language, settings.locale);
  const own = { ...settings.texts?.[locale], .../** @type {any} */ (element).texts };
  const label = element.getAttribute("label") || own.button || /** @type {string} */ (labels[locale]);
  const classes =
    element.getAttribute("button-class") ||
    (element.getAttribute("look") === "theme" && themeButtons(element)[0]?.className.replace(/\S*(disabled|sold|_cart|allowed|opacity)\S*/gi, ""));
  const given = /** @type {HTMLElement | null} */ (element.querySelector("[slot=button]"));
  const button = given || h("button", { type: "button", part: "button" }, label);
  const link = h("a", { hidden: "" }, label);
  const place = given || classes ? h("slot", { name: "button" }) : button;
  const container = h("div", { lang: locale, dir: "auto" }, place, h("div", { role: "alert" }, link));
  const title = element.getAttribute("product-title");

  if (title && !given) {
    // Of several buttons on a page each says what it is about.
    button.setAttribute("aria-label", `${label}: ${title}`);
  }
  // Through the object model, which every `style-src` allows.
  container.style.cssText = settings.look || "";
  root.replaceChildren(container);
  if (classes && !given) {
    button.className = classes;
    button.slot = "button";
    element.append(button);
  }
  return { button, container, language, link, locale, own };
}
