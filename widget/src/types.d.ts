/** What the server puts in place of the quoted placeholder in the loader (`GET /s/{public_key}.js`), or answers alone (`.json`). */
export interface Settings {
  /** Origin of the Stockbell server. */
  host: string;
  /** Where the API is, if not at `host`: a path on the page's own origin. */
  api?: string;
  /** The shop's public key. */
  key: string;
  /** The shop's language, used when the page does not tell its own. */
  locale?: string;
  /** Declarations of the custom properties `--accent`, `--on-accent` and `--radius`. */
  look?: string;
  /** What the form asks for besides the address. */
  fields?: ("phone" | "quantity" | "marketing")[];
  /** The shop's own wording: language, then name of the text. */
  texts?: Record<string, Partial<FormTexts> & { button?: string }>;
  /** The shop wants to know what visitors look at who have agreed to it. */
  events?: boolean;
  /** The file came without settings; they are still to be fetched. */
  pinned?: boolean;
}

/** Texts of the dialog, in `locales/*.json` beside the `button`'s label. `{email}` and `{when}` are filled in. */
export interface FormTexts {
  title: string;
  intro: string;
  email: string;
  phone: string;
  quantity: string;
  marketing: string;
  submit: string;
  sending: string;
  privacy: string;
  close: string;
  emailMissing: string;
  emailInvalid: string;
  phoneInvalid: string;
  acceptedTitle: string;
  accepted: string;
  confirmTitle: string;
  confirm: string;
  inStockTitle: string;
  inStock: string;
  reload: string;
  unknownVariant: string;
  tooMany: string;
  later: string;
  failed: string;
  unreachable: string;
}

/** What the element lends to the form. */
export interface FormPart {
  element: HTMLElement;
  /** What opens the form: ours, or one in the page's own tree. */
  button: HTMLElement;
  root: ShadowRoot;
  /** Carries the look and the language; the dialog goes in here. */
  container: HTMLElement;
  /** The page's language, as it says it: `de-AT`. */
  language: string | undefined;
  /** The language of the texts, as a two-letter code. */
  locale: string;
  /** The shop's own wording. */
  own: Partial<FormTexts>;
  /** Called each time the form has closed. */
  onClose: () => void;
}

/** The same, with what the loader knows. */
export interface FormOptions extends FormPart {
  api: string;
  settings: Settings;
}

/** A form that has been built. */
export interface Form {
  open: (variantId: string) => void;
  isOpen: () => boolean;
}

/** What the shopper asks about, as it stood when the dialog was opened. */
export interface Wish {
  variantId: string;
  productId: string | null;
}

/** Body of `POST {api}/subscriptions`. */
export interface SubscriptionRequest {
  variant_id: string;
  product_id?: string;
  email: string;
  phone?: string;
  quantity?: number;
  locale: string | undefined;
  marketing_consent: boolean;
  page_url: string;
  /** Filled in by robots only. */
  website?: string;
}

/** The fields in which the server may find something wrong. */
export type FieldName = "email" | "phone";

/** The server's answer in the form's words; `reason` is also what `stockbell-error` reports. */
export type Outcome =
  | { reason: null; confirmationRequired: boolean; inStock: boolean }
  /** `field`: the one that the server does not take; what the form itself finds stands beside each. */
  | { reason: "invalid"; field?: FieldName | undefined }
  | { reason: "rate_limited"; minutes: number | null }
  | { reason: "unknown_variant" | "failed" | "unreachable" };

/** `window.stockbell`; published for shops as `stockbell.d.ts`. */
export type { Stockbell } from "../stockbell.js";
