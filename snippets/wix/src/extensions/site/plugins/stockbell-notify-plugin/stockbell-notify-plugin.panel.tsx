import React, { useEffect, useState, type FC } from "react";
import { inputs, widget } from "@wix/editor";
import { Box, FillPreview, FormField, Input, RadioGroup, SidePanel, WixDesignSystemProvider } from "@wix/design-system";
import "@wix/design-system/styles.global.css";

/** Names are those of the element's attributes, which Wix keeps up to date. */
const DEFAULTS = { host: "", "public-key": "", accent: "", display: "dialog" };

type Name = keyof typeof DEFAULTS;

const Panel: FC = () => {
  const [values, setValues] = useState(DEFAULTS);

  useEffect(() => {
    for (const name of Object.keys(DEFAULTS) as Name[]) {
      widget.getProp(name).then(
        (value) => setValues((before) => ({ ...before, [name]: value || DEFAULTS[name] })),
        () => {}, // as good as not set
      );
    }
  }, []);

  const change = (name: Name, value: string) => {
    setValues((before) => ({ ...before, [name]: value }));
    void widget.setProp(name, value.trim());
  };

  const pickColour = () => {
    void inputs.selectColor(values.accent, { onChange: (value) => value && change("accent", String(value)) });
  };

  return (
    <WixDesignSystemProvider>
      <SidePanel width="300" height="100vh">
        <SidePanel.Content noPadding stretchVertically>
          <SidePanel.Field>
            <FormField label="Address of your Stockbell" required>
              <Input
                type="url"
                value={values.host}
                placeholder="https://stockbell.example"
                onChange={(event) => change("host", event.target.value)}
                aria-label="Address of your Stockbell"
              />
            </FormField>
          </SidePanel.Field>
          <SidePanel.Field>
            <FormField label="Public key" required>
              <Input
                value={values["public-key"]}
                onChange={(event) => change("public-key", event.target.value)}
                aria-label="Public key"
              />
            </FormField>
          </SidePanel.Field>
          <SidePanel.Field>
            <FormField label="Colour of the button">
              <Box width="30px" height="30px">
                <FillPreview fill={values.accent} onClick={pickColour} aria-label="Colour of the button" />
              </Box>
            </FormField>
          </SidePanel.Field>
          <SidePanel.Field>
            <FormField label="The form opens">
              <RadioGroup value={values.display} onChange={(value) => change("display", String(value))}>
                <RadioGroup.Radio value="dialog">in a dialog</RadioGroup.Radio>
                <RadioGroup.Radio value="inline">under the button</RadioGroup.Radio>
              </RadioGroup>
            </FormField>
          </SidePanel.Field>
        </SidePanel.Content>
      </SidePanel>
    </WixDesignSystemProvider>
  );
};

export default Panel;
