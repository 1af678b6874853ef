/**
 * As much of a Magento storefront's scripts as the module's mixins need: modules with mixins, widgets, and small
 * imitations of its two ways to choose a variant, written after how they behave. None of Magento's code is in here.
 */
(() => {
    "use strict";

    const factories = new Map();
    const made = new Map();

    /** The file that runs now registers what it defines under this name. */
    window.nameOfNext = "";
    window.define = (dependencies, factory) => factories.set(window.nameOfNext, [dependencies, factory]);
    window.load = (name) => {
        if (!made.has(name)) {
            const [dependencies, factory] = factories.get(name) || [[], () => ({})];
            let value = factory(...dependencies.map(window.load));
            for (const mixin of Object.keys(window.config?.config.mixins[name] || {})) {
                value = window.load(mixin)(value);
            }
            made.set(name, value);
        }
        return made.get(name);
    };

    const give = (name, dependencies, factory) => factories.set(name, [dependencies, factory]);

    /** A few of jQuery's methods; the real one is used instead where a page has it. */
    give("jquery", [], () => {
        if (window.jQuery) {
            return window.jQuery;
        }
        class Found extends Array {
            find(selector) {
                return Found.from([...this].flatMap((one) => [...one.querySelectorAll(selector)]));
            }

            each(work) {
                [...this].forEach((one, at) => work.call(one, at, one));
                return this;
            }
        }
        const $ = (target) => Found.from(target instanceof Found ? target : [target]);
        $.makeArray = (things) => [...things];
        $.widget = (fullName, base, own) => {
            const [space, name] = fullName.split(".");
            const Base = own ? base : class {};
            class Widget extends Base {
                constructor(options, element) {
                    super(options, element);
                    if (new.target === Widget) {
                        this.options = { ...Widget.prototype.options, ...options };
                        this.element = $(element);
                        this._create?.();
                        this._init?.();
                    }
                }
            }
            for (const [key, value] of Object.entries(own || base)) {
                Widget.prototype[key] =
                    typeof value !== "function"
                        ? value
                        : function (...given) {
                              const before = this._super;
                              this._super = (...passed) => Base.prototype[key]?.apply(this, passed);
                              try {
                                  return value.apply(this, given);
                              } finally {
                                  this._super = before;
                              }
                          };
            }
            ($[space] ||= {})[name] = Widget;
        };
        return $;
    });

    give("mage/translate", [], () => (text) => window.translations?.[text] || text);

    /** Swatches: an option is chosen and taken back by a click; what cannot be bought at all is switched off. */
    give("Magento_Swatches/js/swatch-renderer", ["jquery"], ($) => {
        $.widget("mage.SwatchRenderer", {
            options: { jsonConfig: {} },

            _init() {
                const { attributes } = this.options.jsonConfig;
                this.optionsMap = {};
                for (const attribute of attributes) {
                    this.optionsMap[attribute.id] = {};
                    const row = document.createElement("div");
                    row.className = "swatch-attribute";
                    row.dataset.attributeId = attribute.id;
                    for (const option of attribute.options) {
                        const swatch = document.createElement("div");
                        swatch.className = "swatch-option";
                        swatch.dataset.optionId = option.id;
                        swatch.textContent = option.label;
                        if (!option.products.length) {
                            swatch.dataset.optionEmpty = "true";
                        }
                        swatch.onclick = () => this._OnClick($(swatch), this);
                        row.append(swatch);
                        this.optionsMap[attribute.id][option.id] = option;
                    }
                    this.element[0].append(row);
                }
                this._Rewind();
                for (const [attributeId, optionId] of Object.entries(this.options.preselected || {})) {
                    this.element[0].querySelector(`[data-attribute-id="${attributeId}"] [data-option-id="${optionId}"]`).click();
                }
            },

            _OnClick($this) {
                const swatch = $this[0];
                const row = swatch.parentElement;
                if (swatch.classList.contains("disabled")) {
                    return;
                }
                const isChosen = swatch.classList.contains("selected");
                row.querySelector(".selected")?.classList.remove("selected");
                if (isChosen) {
                    row.removeAttribute("data-option-selected");
                } else {
                    row.dataset.optionSelected = swatch.dataset.optionId;
                    swatch.classList.add("selected");
                }
                this._Rewind();
            },

            _OnChange() {},

            _Rewind() {
                for (const swatch of this.element[0].querySelectorAll("[data-option-id]")) {
                    swatch.classList.toggle("disabled", swatch.dataset.optionEmpty === "true");
                }
                this.disableSwatchForOutOfStockProducts?.();
            },

            disableSwatchForOutOfStockProducts() {
                const { salable, canDisplayShowOutOfStockStatus } = this.options.jsonConfig;
                for (const swatch of this.element[0].querySelectorAll(".swatch-option")) {
                    const { attributeId } = swatch.parentElement.dataset;
                    if (canDisplayShowOutOfStockStatus && !(swatch.dataset.optionId in salable[attributeId])) {
                        swatch.classList.add("disabled");
                    }
                }
            },

            getProductId() {
                const chosen = [...this.element[0].querySelectorAll("[data-option-selected]")];
                const lists = chosen.map((row) => this.optionsMap[row.dataset.attributeId][row.dataset.optionSelected].products);
                const products = (lists[0] || []).filter((id) => lists.every((list) => list.includes(id)));
                return products.length === 1 ? products[0] : null;
            },
        });
        return $.mage.SwatchRenderer;
    });

    /** Drop-downs: one after the other; what cannot be bought in any further choice is switched off. */
    give("Magento_ConfigurableProduct/js/configurable", ["jquery"], ($) => {
        $.widget("mage.configurable", {
            options: { spConfig: {} },

            _create() {
                this.options.settings = [...this.element[0].querySelectorAll("select")];
                const { settings } = this.options;
                settings.forEach((select, at) => {
                    select.config = this.options.spConfig.attributes[select.dataset.attribute];
                    select.prevSetting = settings[at - 1];
                    select.nextSetting = settings[at + 1];
                    select.disabled = at > 0;
                    select.onchange = () => this._configureElement(select);
                });
                this._fillSelect(settings[0]);
                for (const select of settings) {
                    select.value = this.options.values?.[select.dataset.attribute] || "";
                    this._configureElement(select);
                }
            },

            _configureElement(select) {
                if (select.value && select.nextSetting) {
                    select.nextSetting.disabled = false;
                    this._fillSelect(select.nextSetting);
                } else if (select.value) {
                    const hidden = this.element[0].querySelector("[name=selected_configurable_option]");
                    hidden.value = select.selectedOptions[0].config.allowedProducts[0];
                } else {
                    for (let next = select.nextSetting; next; next = next.nextSetting) {
                        next.selectedIndex = 0;
                        next.disabled = true;
                    }
                }
            },

            _fillSelect(select) {
                const { spConfig } = this.options;
                const before = select.prevSetting?.selectedOptions[0]?.config;
                select.replaceChildren(new Option("Choose an Option...", ""));
                for (const option of select.config.options) {
                    option.allowedProducts = option.products.filter((id) => !before || before.allowedProducts.includes(id));
                    option.initialLabel ||= option.label;
                    if (option.allowedProducts.length) {
                        const item = new Option(`${option.initialLabel} +1.00`, option.id);
                        const salable = spConfig.salable?.[select.config.id]?.[option.id] || [];
                        item.config = option;
                        item.disabled =
                            !!spConfig.canDisplayShowOutOfStockStatus &&
                            !option.allowedProducts.some((id) => salable.includes(id));
                        select.append(item);
                    }
                }
            },
        });
        return $.mage.configurable;
    });

    /** The customer's private data. `answer` is what the server would say; `loaded` counts how often it was asked. */
    give("Magento_Customer/js/customer-data", [], () => {
        const sections = {};
        const get = (name) => {
            if (!sections[name]) {
                const listeners = [];
                let value = window.stored?.[name];
                sections[name] = (...given) => {
                    if (given.length) {
                        value = given[0];
                        listeners.forEach((listener) => listener(value));
                    }
                    return value;
                };
                sections[name].subscribe = (listener) => listeners.push(listener);
            }
            return sections[name];
        };
        window.loaded = 0;
        return {
            get,
            getInitCustomerData: () => ({ done: (work) => work() }),
            reload: (names) => {
                window.loaded += 1;
                setTimeout(() => names.forEach((name) => get(name)({ ...window.answer, data_id: 1 })));
            },
        };
    });
})();
