import { readAvailability } from "./availability.js";
import css from "./button.css";
import { createButton } from "./button.js";
import { config } from "./config.js";
import { emit } from "./events.js";
import { loadForm } from "./form-loader.js";
import { selectedVariant, watchSelection } from "./selection.js";
import { addStyles } from "./styles.js";

/**
 * `<stockbell-notify>`: a button that is there while the variant is sold out, and opens the form.
 *
 * Attributes: `product-id`, `variant-id`, `available` ("true" or "false"), and for the form `product-title`,
 * `variant-title`, `customer-email`. The element sets `showing` on itself while the button is there. What the page
 * puts inside is its fallback without JavaScript.
 *
 * Events, bubbling and composed: `stockbell-opened`, `stockbell-subscribed`, `stockbell-error`.
 */
export class StockbellNotifyElement extends HTMLElement {
  /** @internal */
  static get observedAttributes() {
    return ["product-id", "variant-id", "available"];
  }

  constructor() {
    super();
    /** @private */
    this._root = this.attachShadow({ mode: "open" });
    addStyles(this._root, css);
    /** @private @type {ReturnType<typeof createButton> | null} Made when it is first needed. */
    this._view = null;
    /** @private @type {ReturnType<typeof import("./form.js").createForm> | null} Made when it is first wanted. */
    this._form = null;
    /** @private @type {(() => void) | null} */
    this._stopWatching = null;
    /** @private */
    this._isScheduled = false;
  }

  /** The variant asked about: the page's word, else its selection; null if neither is known. */
  get variantId() {
    return this.getAttribute("variant-id") || selectedVariant(this);
  }

  /** What the page says about stock; null if it says nothing, or nothing that is understood. */
  get available() {
    const word = this.getAttribute("available");
    return word === "true" || (word === "false" ? false : null);
  }

  /** @internal */
  connectedCallback() {
    this._schedule();
  }

  /** @internal */
  disconnectedCallback() {
    this._followPage(false);
  }

  /** @internal */
  attributeChangedCallback() {
    this._schedule();
  }

  /** Opens the form, whatever the stock. Does nothing while no variant is known. */
  async open() {
    const { variantId } = this;
    if (variantId) {
      const { button, link } = this._ready();
      button.setAttribute("aria-busy", "true");
      link.hidden = true;
      try {
        this._form = this._form || (await this._createForm());
        this._form.open(variantId);
      } catch {
        // The code did not come, or this browser has no dialogs.
        link.href = config.hosted + encodeURIComponent(variantId);
        link.hidden = false;
        emit(this, "error", { reason: "unreachable", variantId });
      }
      button.setAttribute("aria-busy", "false");
    }
  }

  /**
   * Several attributes set one after another cause one update.
   *
   * @private
   */
  _schedule() {
    if (!this._isScheduled) {
      this._isScheduled = true;
      queueMicrotask(() => {
        this._isScheduled = false;
        this._update();
      });
    }
  }

  /** @private */
  _update() {
    if (!this.isConnected) {
      return;
    }
    try {
      this._followPage(!this.getAttribute("variant-id"));
      this._decide();
    } catch {
      // The shop's page must never suffer from this element: whatever went wrong, the button is only not there.
      this.removeAttribute("showing");
    }
  }

  /**
   * @private
   * @param {boolean} wanted Whether the page's selection decides about the variant.
   */
  _followPage(wanted) {
    if (!wanted) {
      this._stopWatching?.();
      this._stopWatching = null;
    } else if (!this._stopWatching) {
      this._stopWatching = watchSelection(this, () => this._schedule());
    }
  }

  /** @private */
  _decide() {
    const { variantId, available } = this;
    this._show(!!variantId && available === false);
    if (variantId && available === null) {
      void this._ask(variantId);
    }
  }

  /**
   * @private
   * @param {string} variantId
   */
  async _ask(variantId) {
    const available = await readAvailability(config.api, variantId);
    // The shopper may have gone on to another variant while the server was asked.
    if (available === false && this.available === null && this.variantId === variantId) {
      this._show(true);
    }
  }

  /**
   * @private
   * @param {boolean} wanted
   */
  _show(wanted) {
    if (wanted || this._view) {
      this._ready().button.hidden = !wanted;
    }
    // While the dialog is open its host stays, or the browser would close it under the shopper's hands.
    this.toggleAttribute("showing", wanted || !!this._form?.isOpen());
  }

  /** @private */
  _ready() {
    if (!this._view) {
      this._view = createButton(this, this._root, config);
      this._view.button.onclick = () => this._press();
    }
    return this._view;
  }

  /** @private */
  _press() {
    // Safari gives a clicked button no focus; the dialog gives it back to whoever had it.
    this._ready().button.focus();
    void this.open();
  }

  /** @private */
  async _createForm() {
    const { createForm } = await loadForm(config.form);
    const { container } = this._ready();
    const onClose = () => this._schedule();
    return createForm({ element: this, root: this._root, container, config, onClose });
  }
}
