/**
 * The button's label in each language: part of the loader, as it is needed before anybody acts. The build puts the
 * `button` texts of `locales/*.json` in here.
 *
 * @type {Record<string, string>}
 */
export const labels = STOCKBELL_LABELS;
