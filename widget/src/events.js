/**
 * Tells the page what happened, by an event that bubbles and leaves the shadow root. Never carries an address.
 *
 * @param {HTMLElement} element
 * @param {"opened" | "subscribed" | "error"} name
 * @param {Record<string, unknown>} detail
 */
export const emit = (element, name, detail) =>
  element.dispatchEvent(new CustomEvent(`stockbell-${name}`, { bubbles: true, composed: true, detail }));
