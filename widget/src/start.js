import { files, settings } from "./config.js";
import { h } from "./dom.js";
import { StockbellNotifyElement } from "./notify-element.js";
import { nearest } from "./selection.js";

const NAME = "stockbell-notify";

/** Registers `<stockbell-notify>`, `stockbell.open` and the page's own triggers. Loaded twice, the first one stays. */
export function start() {
  if (customElements.get(NAME)) {
    return;
  }
  customElements.define(NAME, StockbellNotifyElement);
  window.stockbell = { open };
  document.addEventListener("click", (event) => {
    const trigger = /** @type {HTMLElement | null} */ (
      /** @type {Element} */ (event.target).closest?.("[data-stockbell-open]")
    );
    if (trigger) {
      event.preventDefault();
      trigger.focus();
      const variantId = trigger.dataset.stockbellOpen;
      void (variantId ? open(variantId) : /** @type {any} */ (nearest(trigger, NAME)[0])?.open());
    }
  });
  const extra = location.hash === "#stockbell-check" ? "check" : settings.events && "tracking";
  if (extra) {
    // Some blockers stop files that watch; nobody needs to hear of it.
    import(`${files}${extra}.js`).then((module) => module.start(settings)).catch(() => {});
  }
}

/** @type {StockbellNotifyElement | undefined} */
let ours;

/**
 * Opens the form for a variant, whatever is on the page.
 *
 * @type {import("./types.js").Stockbell["open"]}
 */
function open(variantId, attributes = {}) {
  ours?.remove();
  ours = /** @type {any} */ (h(/** @type {any} */ (NAME), { ...attributes, available: "true" }));
  document.body.append(/** @type {any} */ (ours));
  return /** @type {any} */ (ours).open({ variantId });
}
