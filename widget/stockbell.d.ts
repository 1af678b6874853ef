/** Types of what Stockbell's script adds to a page. */

/** Attributes of the element, which are described in snippets/html/README.md. */
export interface Attributes {
  "product-id"?: string;
  /** Written under the form's heading. */
  "product-title"?: string;
  "variant-title"?: string;
  "customer-email"?: string;
  "customer-phone"?: string;
  display?: "inline";
  label?: string;
  lang?: string;
}

export interface Stockbell {
  /** Opens the form for a variant, whatever its stock and whatever is on the page. Resolves when it is open. */
  open(variantId: string, attributes?: Attributes): Promise<void>;
  /**
   * Tells what the visitor did, if the visitor has agreed; else does nothing. There once the page has loaded, in shops
   * with `widget_events`.
   */
  track?(type: "viewed" | "added_to_cart" | "started_checkout", subject: StockbellTracked): void;
}

/** `<stockbell-notify>`; its attributes are described in snippets/html/README.md. */
export interface StockbellNotifyElement extends HTMLElement {
  /** The variant asked about; null if none is known. */
  readonly variantId: string | null;
  /** What the page says about stock; null if it says nothing. */
  readonly available: boolean | null;
  /** Opens the form, whatever the stock. */
  open(): Promise<void>;
}

export interface StockbellSubject {
  variantId: string;
  productId: string | null;
}

/** A product, one of its variants, or both. */
export interface StockbellTracked {
  productId?: string | null;
  variantId?: string | null;
  quantity?: number;
}

declare global {
  interface Window {
    stockbell?: Stockbell;
  }
  interface HTMLElementTagNameMap {
    "stockbell-notify": StockbellNotifyElement;
  }
  interface DocumentEventMap {
    "stockbell-opened": CustomEvent<StockbellSubject>;
    "stockbell-subscribed": CustomEvent<StockbellSubject & { confirmationRequired: boolean; inStock: boolean }>;
    "stockbell-error": CustomEvent<
      Partial<StockbellSubject> & {
        reason: "invalid" | "unknown_variant" | "rate_limited" | "failed" | "unreachable";
      }
    >;
  }
}
