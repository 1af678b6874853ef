/** @type {import("../types.js").ButtonTexts} */
export const button = {
  button: "Notify me when available",
  loadFailed: "The form did not load. Open it as a page",
};

/** @type {import("../types.js").FormTexts} */
export const form = {
  title: "Get notified when it’s back",
  intro: "Leave your e-mail address. We’ll write to you as soon as you can buy it again.",
  email: "E-mail address",
  marketing: "Also send me news and offers",
  submit: "Notify me",
  sending: "Sending …",
  privacy: "You can stop at any time: every message has a link.",
  close: "Close",
  emailMissing: "Please enter your e-mail address.",
  emailInvalid: "Please check the address. It should look like name@example.com.",
  acceptedTitle: "You’re on the list",
  accepted: "We’ll write to {email} as soon as you can buy it again.",
  confirmTitle: "Please check your inbox",
  confirm: "We have sent a link to {email}. Open it to confirm, and you’re on the list.",
  inStockTitle: "Good news: it’s back",
  inStock: "It’s available right now. Reload the page to buy it.",
  reload: "Reload the page",
  unknownVariant: "We cannot take requests for this item. Please reload the page and try again.",
  tooMany: "Too many tries. Please try again {when}.",
  later: "a little later",
  failed: "Something went wrong on our side. Please try again.",
  unreachable: "We could not reach the shop. Please check your connection and try again.",
};
