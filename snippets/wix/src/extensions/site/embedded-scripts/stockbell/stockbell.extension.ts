import { extensions } from "@wix/custom-extensions";

export default extensions.embeddedScript({
  id: "3f6d0a52-9a4e-4f0a-8b57-2c1d7e9b6a80",
  name: "Stockbell",
  placement: "BODY_END",
  // Offers what visitors ask for and keeps nothing in their browsers; but the site works without it.
  scriptType: "FUNCTIONAL",
  source: "./extensions/site/embedded-scripts/stockbell/stockbell.html",
});
