/** What the server puts in place of the quoted placeholder in the loader (`GET /s/{public_key}.js`). */
export interface Config {
  /** Address of the shop's storefront API, no slash at the end. */
  api: string;
  /** Address of the form's module, fetched when somebody first wants it. */
  form: string;
  /** Address of the hosted form; a variant id is appended. Ends with a slash. */
  hosted: string;
  /** The shop's language, used when the page does not tell its own. */
  locale: string;
  look: { accent?: string; radius?: string };
  /** Whether the shop asks for consent to marketing. */
  marketing: boolean;
  /** The shop's own wording: language, then name of the text. */
  texts: Record<string, Partial<ButtonTexts & FormTexts>>;
}

/** Texts that are needed before anybody acts; part of the loader. */
export interface ButtonTexts {
  button: string;
  /** A link to the hosted form. */
  loadFailed: string;
}

/** Texts of the dialog. `{email}` and `{when}` are filled in. */
export interface FormTexts {
  title: string;
  intro: string;
  email: string;
  marketing: string;
  submit: string;
  sending: string;
  privacy: string;
  close: string;
  emailMissing: string;
  emailInvalid: string;
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

/** What the element lends to the form module. */
export interface Widget {
  element: HTMLElement;
  root: ShadowRoot;
  /** Carries the look and the language; the dialog goes in here. */
  container: HTMLElement;
  config: Config;
  /** Called each time the dialog has closed. */
  onClose: () => void;
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
  locale: string;
  marketing_consent: boolean;
  page_url: string;
  /** Filled in by robots only. */
  website?: string;
}

/** The server's answer in the form's words; `reason` is also what `stockbell-error` reports. */
export type Outcome =
  | { reason: null; confirmationRequired: boolean; inStock: boolean }
  | { reason: "invalid"; emailError: string | null }
  | { reason: "rate_limited"; minutes: number | null }
  | { reason: "unknown_variant" | "failed" | "unreachable" };
