import { extensions } from "@wix/custom-extensions";

export default extensions.sitePlugin({
  id: "7b0c2f0e-6f0c-4d57-9a1b-0d9e5a6f4c31",
  name: "Stockbell",
  marketData: {
    name: "Stockbell",
    description: "A button for sold-out products: visitors hear from you when they can buy again.",
    logoUrl: "{{BASE_URL}}/stockbell-notify-plugin-logo.svg",
  },
  // The first free slot is taken: under the price and options, else near it. Shops have one of the two product pages.
  placements: [
    {
      appDefinitionId: "a0c68605-c2e7-4c8d-9ea1-767f9770e087",
      widgetId: "6a25b678-53ec-4b37-a190-65fcd1ca1a63",
      slotId: "product-page-details-2",
    },
    {
      appDefinitionId: "a0c68605-c2e7-4c8d-9ea1-767f9770e087",
      widgetId: "6a25b678-53ec-4b37-a190-65fcd1ca1a63",
      slotId: "product-page-details-3",
    },
    {
      appDefinitionId: "1380b703-ce81-ff05-f115-39571d94dfcd",
      widgetId: "13a94f09-2766-3c40-4a32-8edb5acdd8bc",
      slotId: "product-page-details-2",
    },
    {
      appDefinitionId: "1380b703-ce81-ff05-f115-39571d94dfcd",
      widgetId: "13a94f09-2766-3c40-4a32-8edb5acdd8bc",
      slotId: "product-page-details-3",
    },
  ],
  installation: { autoAdd: true },
  tagName: "stockbell-notify-plugin",
  element: "./extensions/site/plugins/stockbell-notify-plugin/stockbell-notify-plugin.js",
  settings: "./extensions/site/plugins/stockbell-notify-plugin/stockbell-notify-plugin.panel.tsx",
});
