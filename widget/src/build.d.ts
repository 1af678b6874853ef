/** Style sheets are bundled as minified text. */
declare module "*.css" {
  const text: string;
  export default text;
}

/** Put in by the build. */
declare const STOCKBELL_LABELS: Record<string, string>;
