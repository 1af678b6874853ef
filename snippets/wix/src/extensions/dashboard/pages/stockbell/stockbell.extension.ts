import { extensions } from "@wix/custom-extensions";

export default extensions.dashboardPage({
  id: "c58e7a1d-41b6-4f7e-bb0b-6b7c0f3a9d24",
  title: "Stockbell",
  routePath: "stockbell",
  component: "./extensions/dashboard/pages/stockbell/stockbell.tsx",
});
