/**
 * The button's label in each language: part of the loader, as it is needed before anybody acts. The build puts the
 * `button` texts of `locales/*.json` in here. No prototype: a page
 * may say that its language is "constructor".
 *
 * @type {Record<string, string | null>}
 */
export const labels = { __proto__: null, ...STOCKBELL_LABELS };
