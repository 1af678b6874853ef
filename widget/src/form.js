import { request, subscribe } from "./api.js";
import { emit } from "./events.js";
import css from "./form.css";
import { createView, keepTabInside, setWarning } from "./form-view.js";
import { publicPageUrl } from "./page-url.js";
import { makeSheet } from "./styles.js";
import { fill, inMinutes } from "./texts.js";

/**
 * @typedef {import("./types.js").FormTexts} FormTexts
 * @typedef {import("./types.js").Outcome} Outcome
 * @typedef {import("./types.js").Wish} Wish
 * @typedef {import("./form-view.js").Field} Field
 * @typedef {"idle" | "sending" | "done" | "in_stock"} State
 */

/**
 * Builds the form of one element. It is made once and keeps the address that was typed.
 *
 * @param {import("./types.js").FormOptions} options
 * @returns {Promise<import("./types.js").Form>} Rejects if the texts do not come.
 */
export async function createForm(options) {
  const [texts, settings] = await Promise.all([readTexts(options.locale), readSettings(options.settings)]);
  const form = new NotifyForm({ ...options, settings }, { ...texts, ...settings.texts?.[options.locale], ...options.own });
  // Building it and showing it are long enough for two tasks.
  await new Promise((/** @type {(_: void) => void} */ resolve) => setTimeout(() => resolve()));
  return { open: (variantId) => form._open(variantId), isOpen: () => form._view.dialog.open };
}

/**
 * @param {string} locale
 * @returns {Promise<FormTexts>}
 */
async function readTexts(locale) {
  // An address, and not a relative one: the build would put all that it could be in here.
  return (await import(new URL(`${locale}.js`, import.meta.url).href)).default;
}

/**
 * @param {import("./types.js").Settings} settings
 * @returns {Promise<import("./types.js").Settings>} Those of the server, where the loader came without; as they are, if
 *   it does not answer.
 */
async function readSettings(settings) {
  if (!settings.pinned) {
    return settings;
  }
  try {
    return { ...settings, ...(await request(`${settings.host}/s/${settings.key}.json`)).body };
  } catch {
    return settings;
  }
}

class NotifyForm {
  /**
   * @param {import("./types.js").FormOptions} options
   * @param {FormTexts} texts
   */
  constructor(options, texts) {
    const { button, container, element, root, settings } = options;
    this._options = options;
    this._texts = texts;
    this._view = createView(texts, settings.fields || [], options.locale);
    this._isInline = element.getAttribute("display") === "inline";
    /** @type {State} */
    this._state = "idle";
    /** @type {Wish | null} */
    this._wish = null;
    root.adoptedStyleSheets = [...root.adoptedStyleSheets, makeSheet(css)];
    this._listen();
    const { backgroundColor, color } = getComputedStyle(button);
    // What stands in the page's own tree has its look from there; without a ground of its own it lends none.
    if (button.slot && !/^rgba/.test(backgroundColor)) {
      container.style.setProperty("--accent", `var(--stockbell-accent,${backgroundColor})`);
      container.style.setProperty("--on-accent", `var(--stockbell-on-accent,${color})`);
    }
    container.append(this._view.dialog);
  }

  _listen() {
    const { dialog, form, close, email, phone, quantity, submit } = this._view;
    dialog.setAttribute("closedby", this._isInline ? "none" : "any");
    if (this._isInline) {
      dialog.setAttribute("role", "region");
    }
    dialog.onkeydown = (event) => {
      // A theme's shortcuts cannot see that somebody is typing in here.
      event.stopPropagation();
      if (!this._isInline) {
        keepTabInside(event, dialog, this._options.root);
        if (event.key === "Escape") {
          // The key is let go when the dialog is closed; a theme's own dialog around it would close too.
          addEventListener("keyup", (up) => up.stopPropagation(), { capture: true, once: true });
        }
      }
    };
    dialog.onclose = () => this._options.onClose();
    close.onclick = () => dialog.close();
    for (const field of [email, phone, quantity]) {
      field.input.oninput = () => this._setFieldError(field, "");
    }
    // The second click of a double click would close the answer before anybody has read it.
    submit.onclick = (event) => event.detail < 2;
    form.onsubmit = (event) => {
      event.preventDefault();
      this._act();
    };
  }

  /** @param {string} variantId */
  _open(variantId) {
    const { dialog, item, email, phone } = this._view;
    const { element } = this._options;
    if (this._state !== "sending" || variantId !== this._wish?.variantId) {
      this._wish = { variantId, productId: element.getAttribute("product-id") };
      this._reset();
    }
    const [named, ...titles] = ["variant-id", "product-title", "variant-title"].map((name) => element.getAttribute(name));
    if (named && named !== variantId) {
      titles.pop(); // It is another variant's.
    }
    item.textContent = titles.filter(Boolean).join(" · ");
    email.input.value = email.input.value || element.getAttribute("customer-email") || "";
    phone.input.value = phone.input.value || element.getAttribute("customer-phone") || "";
    // The dialog could not take the focus in a host that is hidden.
    element.toggleAttribute("showing", true);
    if (this._isInline) {
      dialog.show();
    } else if (!dialog.open) {
      dialog.showModal();
    }
    if (!dialog.getClientRects()[0]) {
      // In a part of the page that is not shown it would lock the page, and nobody would see why.
      return dialog.close();
    }
    email.input.focus();
    emit(element, "opened", { ...this._wish });
  }

  _reset() {
    const { email, phone, quantity, marketing } = this._view;
    marketing.checked = false;
    for (const field of [email, phone, quantity]) {
      this._setFieldError(field, "");
    }
    this._setState("idle");
  }

  /** What the main button does, by state. */
  _act() {
    if (this._state === "idle") {
      void this._send();
    } else if (this._state === "done") {
      this._view.dialog.close();
    } else if (this._state === "in_stock") {
      location.reload();
    }
  }

  async _send() {
    const wish = /** @type {Wish} */ (this._wish);
    /** @type {Outcome} */
    let outcome = { reason: "invalid" };
    if (this._isFilledIn()) {
      this._setState("sending");
      outcome = await subscribe(this._options.api, this._request(wish));
      // Another variant may have been opened meanwhile; its form is not this answer's.
      if (wish === this._wish) {
        this._show(outcome);
      }
    }
    this._report(outcome, wish);
  }

  /** Names what is wrong beside its field, with the focus on the first one. */
  _isFilledIn() {
    const { email, phone, quantity } = this._view;
    const { emailMissing, emailInvalid, phoneInvalid } = this._texts;
    const address = (email.input.value = email.input.value.trim());
    // The browser takes "name@host" for an address; in a shop it is a slip.
    const isAddress = email.input.validity.valid && /@.+\../.test(address);
    const isPhone = /^(\+[\d\s().-]{7,30})?$/.test(phone.input.value.trim());
    // What a number lacks, the browser itself can say.
    const { validationMessage } = quantity.input;
    this._setFieldError(quantity, validationMessage);
    this._setFieldError(phone, isPhone ? "" : phoneInvalid);
    this._setFieldError(email, isAddress ? "" : address ? emailInvalid : emailMissing);
    return isAddress && isPhone && !validationMessage;
  }

  /**
   * @param {Wish} wish
   * @returns {import("./types.js").SubscriptionRequest}
   */
  _request(wish) {
    const { email, phone, quantity, marketing, trap } = this._view;
    const number = phone.input.value.trim();
    return {
      variant_id: wish.variantId,
      ...(wish.productId && { product_id: wish.productId }),
      email: email.input.value,
      ...(number && { phone: number }),
      ...(quantity.input.isConnected && quantity.input.value && { quantity: quantity.input.valueAsNumber }),
      locale: this._options.language,
      marketing_consent: marketing.checked,
      page_url: publicPageUrl(location.href),
      ...(trap.value && { website: trap.value }),
    };
  }

  /**
   * @param {Outcome} outcome
   * @param {Wish} wish
   */
  _report(outcome, wish) {
    const { element } = this._options;
    if (outcome.reason) {
      emit(element, "error", { ...wish, reason: outcome.reason });
    } else {
      const { confirmationRequired, inStock } = outcome;
      emit(element, "subscribed", { ...wish, confirmationRequired, inStock });
    }
  }

  /** @param {Outcome} outcome */
  _show(outcome) {
    const texts = this._texts;
    if (outcome.reason) {
      this._setState("idle");
      this._showError(outcome);
    } else if (outcome.inStock) {
      this._setState("in_stock", texts.inStockTitle, texts.inStock);
    } else if (outcome.confirmationRequired) {
      this._setState("done", texts.confirmTitle, texts.confirm);
    } else {
      this._setState("done", texts.acceptedTitle, texts.accepted);
    }
  }

  /** @param {Exclude<Outcome, { reason: null }>} outcome */
  _showError(outcome) {
    if (outcome.reason === "invalid" && outcome.field) {
      const { field } = outcome;
      this._setFieldError(this._view[field], this._texts[`${field}Invalid`]);
    } else {
      setWarning(this._view.alert, this._explain(outcome));
    }
  }

  /**
   * @param {Exclude<Outcome, { reason: null }>} outcome
   * @returns {string}
   */
  _explain(outcome) {
    const texts = this._texts;
    switch (outcome.reason) {
      case "unknown_variant":
        return texts.unknownVariant;
      case "rate_limited":
        return fill(texts.tooMany, { when: inMinutes(outcome.minutes, this._options.locale) || texts.later });
      case "unreachable":
        return texts.unreachable;
      default:
        return texts.failed;
    }
  }

  /**
   * @param {State} state
   * @param {string} [title]
   * @param {string} [sentence] The answer, announced as it appears.
   */
  _setState(state, title = this._texts.title, sentence = "") {
    const { dialog, title: heading, email, status, submit, submitLabel, alert } = this._view;
    const { submit: idle, sending, close: done, reload } = this._texts;
    const hadFocus = this._options.root.activeElement;
    this._state = state;
    dialog.className = state;
    heading.textContent = title;
    status.textContent = fill(sentence, { email: email.input.value });
    submitLabel.textContent = { idle, sending, done, in_stock: reload }[state];
    // Busy, not disabled: a disabled button would drop the focus.
    submit.setAttribute("aria-disabled", String(state === "sending"));
    setWarning(alert, "");
    if (sentence && hadFocus) {
      // The field that had the focus may be gone with the answer; the main button is still there.
      submit.focus();
    }
  }

  /**
   * @param {Field} field
   * @param {string} sentence
   */
  _setFieldError({ input, error }, sentence) {
    input.setAttribute("aria-invalid", String(!!sentence));
    if (sentence) {
      input.focus();
    }
    setWarning(error, sentence);
  }
}
