import React, { useEffect, useState, type FC } from "react";
import { embeddedScripts } from "@wix/app-management";
import { dashboard } from "@wix/dashboard";
import { Box, Button, Card, FormField, Input, Page, ToggleSwitch, WixDesignSystemProvider } from "@wix/design-system";
import "@wix/design-system/styles.global.css";

/** Names are those of the placeholders in stockbell.html. Wix keeps text alone. */
const DEFAULTS = { enabled: "true", host: "", publicKey: "", accent: "" };

type Parameters = typeof DEFAULTS;

/** Sets what the embedded script is told. Needs SCOPE.DC-APPS.MANAGE-EMBEDDED-SCRIPTS, for the two calls below. */
const StockbellPage: FC = () => {
  const [parameters, setParameters] = useState<Parameters>(DEFAULTS);
  const [isSaving, setIsSaving] = useState(false);

  useEffect(() => {
    embeddedScripts.getEmbeddedScript().then(
      (script) => setParameters((before) => ({ ...before, ...script.parameters })),
      () => {}, // nothing embedded yet
    );
  }, []);

  const change = (name: keyof Parameters, value: string) => setParameters((before) => ({ ...before, [name]: value }));

  const save = async () => {
    setIsSaving(true);
    try {
      const host = parameters.host.trim().replace(/\/+$/, "");
      await embeddedScripts.embedScript({
        parameters: { ...parameters, host, publicKey: parameters.publicKey.trim() },
      });
      dashboard.showToast({ message: "Saved. Visitors get it with their next page.", type: "success" });
    } catch {
      dashboard.showToast({ message: "Not saved: Wix did not accept it. Try again.", type: "error" });
    }
    setIsSaving(false);
  };

  const isComplete = /^https:\/\/./.test(parameters.host.trim()) && parameters.publicKey.trim() !== "";
  return (
    <WixDesignSystemProvider>
      <Page>
        <Page.Header
          title="Stockbell"
          actionsBar={
            <Button disabled={!isComplete || isSaving} onClick={save}>
              {isSaving ? "Saving" : "Save"}
            </Button>
          }
        />
        <Page.Content>
          <Card>
            <Card.Content>
              <Box direction="vertical" gap="SP4">
                <FormField label="Load the widget on all pages" labelPlacement="left">
                  <ToggleSwitch
                    checked={parameters.enabled === "true"}
                    onChange={(event) => change("enabled", String(event.target.checked))}
                  />
                </FormField>
                <FormField label="Address of your Stockbell (https://...)" required>
                  <Input value={parameters.host} onChange={(event) => change("host", event.target.value)} />
                </FormField>
                <FormField label="Public key" required>
                  <Input value={parameters.publicKey} onChange={(event) => change("publicKey", event.target.value)} />
                </FormField>
                <FormField label="Colour of the button, such as #0b5d3b">
                  <Input value={parameters.accent} onChange={(event) => change("accent", event.target.value)} />
                </FormField>
              </Box>
            </Card.Content>
          </Card>
        </Page.Content>
      </Page>
    </WixDesignSystemProvider>
  );
};

export default StockbellPage;
