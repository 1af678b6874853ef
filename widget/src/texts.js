/**
 * The language of the page around an element, for example `de-AT`; empty if the page does not say.
 *
 * @param {Element} element
 * @returns {string}
 */
export function pageLanguage(element) {
  const lang = element.closest("[lang]")?.getAttribute("lang") || "";
  return lang.trim().replace(/_/g, "-");
}

/**
 * Picks the texts for a language: the exact one, the language without its region, the shop's, then English.
 *
 * @template {object} T
 * @param {Record<string, T> & { en: T }} packs
 * @param {string} language
 * @param {Pick<import("./types.js").Config, "locale" | "texts">} config
 * @returns {{ locale: string, texts: T }} The code of the language found and its texts, in the shop's own wording.
 */
export function pickTexts(packs, language, config) {
  const wanted = [language, config.locale].flatMap((tag) => [tag.toLowerCase(), baseLanguage(tag)]);
  const locale = wanted.find((tag) => packs[tag]) || "en";
  return { locale, texts: { ...(packs[locale] || packs.en), ...config.texts?.[locale] } };
}

/**
 * @param {string} tag
 * @returns {string} `de` for `de-AT`.
 */
export function baseLanguage(tag) {
  return /** @type {string} */ (tag.toLowerCase().split("-")[0]);
}

/**
 * @param {string} text
 * @param {Record<string, string>} values
 * @returns {string} The text with each `{name}` replaced.
 */
export function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

/**
 * @param {number | null} minutes
 * @param {string} locale
 * @returns {string} "in 5 minutes" in the language; empty if the minutes are not known.
 */
export function inMinutes(minutes, locale) {
  return minutes === null ? "" : new Intl.RelativeTimeFormat(locale).format(minutes, "minute");
}
