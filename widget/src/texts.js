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
