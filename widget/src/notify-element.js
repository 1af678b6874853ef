import css from "./button.css";
import { createButton } from "./button.js";
import { api, hostedForm, settings } from "./config.js";
import { emit } from "./events.js";
import { loadForm } from "./form-loader.js";
import { selectedVariant } from "./selection.js";
import { findStock } from "./stock.js";
import { makeSheet } from "./styles.js";
import { themeButtons } from "./theme.js";

const LOOK_MS = 100;
// A browser that cannot do this goes no further: what the page put inside the element stays.
const sheet = makeSheet(css);

/**
 * `<stockbell-notify>`: a button that is there while the variant is sold out, and opens the form.
 *
 * Its attributes are described in `snippets/html/README.md`. It looks at them, and at what the page has selected, ten
 * times a second: themes write hidden fields, rewrite the address and replace whole sections without telling anybody.
 * What the page puts inside is its fallback without JavaScript.
 *
 * Events, bubbling and composed: `stockbell-opened`, `stockbell-subscribed`, `stockbell-error`.
 */
export class StockbellNotifyElement extends HTMLElement {
  /** @private @type {ReturnType<typeof createButton> | undefined} Made when it is first needed. */
  _view;
  /** @private @type {import("./types.js").Form | undefined} Made when it is first wanted. */
  _form;
  /** @private @type {Promise<import("./types.js").Form> | undefined} The same on its way: a double click opens one form. */
  _coming;
  /** @private @type {string | null | undefined} The variant that the page names. */
  _named;
  /** @private @type {boolean | undefined} Whether the page's selection tells which variant it is. */
  _follows;
  /** @private @type {string | undefined} The variant that stock was looked up for. */
  _asked;
  /** @private @type {boolean | null | undefined} */
  _found;
  /** @private @type {number | undefined} */
  _timer;
  /** @private @type {Map<HTMLElement, string>} The theme's buttons that are hidden now, with their own `display`. */
  _replaced = new Map();

  /** @private */
  _root = this.attachShadow({ mode: "open" });

  constructor() {
    super();
    this._root.adoptedStyleSheets = [sheet];
  }

  /** @private */
  _look = () => {
    try {
      const { variantId } = this;
      this._show(!!variantId && this._stock(variantId) === false);
    } catch {
      // The shop's page must never suffer from this element: whatever went wrong, the button is only not there.
      this.toggleAttribute("showing", false);
      this._replace([]);
    }
  };

  /** The variant asked about; null if none is known. */
  get variantId() {
    const named = this.getAttribute("variant-id");
    if (this._named !== named) {
      this._named = named;
      // Where the page's selection is the same at first, the name is only a beginning.
      this._follows = !named || (!this.hasAttribute("fixed") && named === selectedVariant(this));
    }
    return (this._follows && selectedVariant(this)) || named;
  }

  /** What the page says about stock; null if it says nothing, or nothing that is understood. */
  get available() {
    return this._available(this.variantId);
  }

  /**
   * @private
   * @param {string | null} variantId
   * @returns {boolean | null}
   */
  _available(variantId) {
    // Beside the variant that the page names, it is about that one.
    const word = this._named && this._named !== variantId ? null : this.getAttribute("available");
    const soldOut = this.getAttribute("sold-out")?.split(/\s+/);
    return word === "true" || (word === "false" ? false : soldOut ? !soldOut.includes(variantId || "") : null);
  }

  /** @internal */
  connectedCallback() {
    /** @private */
    this._timer = setInterval(this._look, LOOK_MS);
    // Before the page is painted, so that nothing on it moves.
    this._look();
  }

  /** @internal */
  disconnectedCallback() {
    clearInterval(this._timer);
    this._replace([]);
  }

  /** Opens the form, whatever the stock. Does nothing while no variant is known. */
  async open({ variantId } = /** @type {{ variantId: string | null }} */ (this)) {
    if (variantId) {
      const { link } = this._ready();
      link.hidden = true;
      try {
        this._coming ||= this._createForm();
        this._form = await this._coming;
        this._form.open(variantId);
      } catch {
        this._coming = undefined;
        // The code did not come, or this browser has no dialogs.
        link.href = hostedForm(variantId);
        link.hidden = false;
        emit(this, "error", { reason: "unreachable", variantId, productId: this.getAttribute("product-id") });
      }
    }
  }

  /**
   * @private
   * @param {string} variantId
   * @returns {boolean | null | undefined}
   */
  _stock(variantId) {
    const available = this._available(variantId);
    if (available === null && this._asked !== variantId) {
      this._asked = variantId;
      this._found = undefined;
      void findStock(variantId).then((found) => {
        // The shopper may have gone on to another variant while the server was asked.
        if (this._asked === variantId) {
          this._found = found;
          this._look();
        }
      });
    }
    return available ?? this._found;
  }

  /**
   * @private
   * @param {boolean} wanted
   */
  _show(wanted) {
    if (wanted || this._view) {
      const { button, link } = this._ready();
      button.hidden = !wanted;
      wanted ||= !link.hidden;
    }
    // While the form is open its host stays, or the browser would close it under the shopper's hands.
    this.toggleAttribute("showing", wanted || !!this._form?.isOpen());
    this._replace(wanted && this.hasAttribute("replaces") ? themeButtons(this) : []);
  }

  /**
   * Hides these buttons of the theme's and no others; those hidden before come back as they were.
   *
   * @private
   * @param {HTMLElement[]} buttons
   */
  _replace(buttons) {
    for (const [button, display] of this._replaced) {
      if (!buttons.includes(button)) {
        button.style.display = display;
        this._replaced.delete(button);
      }
    }
    for (const button of buttons) {
      const { style } = button;
      // Some themes show it again by themselves.
      if (!this._replaced.has(button) || style.display !== "none") {
        this._replaced.set(button, style.display);
        style.setProperty("display", "none", "important");
      }
    }
  }

  /** @private */
  _ready() {
    // Themes that renew their sections take buttons away that they do not know.
    if (!this._view?.button.isConnected && !this._form?.isOpen()) {
      this._form = this._coming = undefined;
      this._view = createButton(this, this._root);
      const { button } = this._view;
      button.onclick = () => {
        // Safari gives a clicked button no focus; the dialog gives it back to whoever had it.
        button.focus();
        void this.open();
        // One of the page's own would send the form around it.
        return false;
      };
    }
    return /** @type {ReturnType<typeof createButton>} */ (this._view);
  }

  /** @private */
  async _createForm() {
    const { createForm } = await loadForm();
    return createForm({ ...this._ready(), api, element: this, onClose: this._look, root: this._root, settings });
  }
}
