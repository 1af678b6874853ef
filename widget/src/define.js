import { StockbellNotifyElement } from "./notify-element.js";

const NAME = "stockbell-notify";

/** Registers `<stockbell-notify>`. Loaded a second time, the first registration stays. */
export function define() {
  if (!customElements.get(NAME)) {
    customElements.define(NAME, StockbellNotifyElement);
  }
}
