/**
 * Tells the page's element which variant the shopper has chosen.
 *
 * `config` is Magento's own description of a configurable product (jsonConfig of swatches, spConfig of drop-downs).
 */
define([], function () {
    'use strict';

    /**
     * @param {Object} config
     * @returns {NodeList}
     */
    function elementsOf(config) {
        return document.querySelectorAll('stockbell-notify[product-id="' + Number(config.productId) + '"]');
    }

    /**
     * Whether this page has an element for the product.
     *
     * @param {Object} config
     * @returns {Boolean}
     */
    function isOnPage(config) {
        return elementsOf(config).length > 0;
    }

    /**
     * Whether a variant can be bought.
     *
     * @param {Object} config
     * @param {String} variantId
     * @returns {Boolean|null} null if Magento's description does not say; the element's own list counts then.
     */
    function isSalable(config, variantId) {
        var index = (config.index || {})[variantId],
            salable = config.salable || {};

        if (!config.canDisplayShowOutOfStockStatus || !index) {
            return null;
        }

        // The product ids that can be bought, by attribute and option: a variant stands under each of its options.
        return Object.keys(index).some(function (attributeId) {
            return ((salable[attributeId] || {})[index[attributeId]] || []).map(String).indexOf(variantId) >= 0;
        });
    }

    /**
     * What was chosen, in words.
     *
     * @param {Object} config
     * @param {String} variantId
     * @returns {String}
     */
    function titleOf(config, variantId) {
        var index = (config.index || {})[variantId] || {},
            attributes = [],
            key;

        // An object by id in drop-downs, a list in the page's order in swatches.
        for (key in config.attributes) {
            if (Object.prototype.hasOwnProperty.call(config.attributes, key)) {
                attributes.push(config.attributes[key]);
            }
        }

        return attributes.map(function (attribute) {
            var chosen = (attribute.options || []).filter(function (option) {
                return String(option.id) === String(index[attribute.id]);
            })[0];

            // Magento writes price differences behind the label.
            return chosen ? chosen.initialLabel || chosen.label : '';
        }).filter(Boolean).join(' / ');
    }

    /**
     * @param {Element} element
     * @param {String} name
     * @param {String|null} value
     */
    function set(element, name, value) {
        if (value === null || value === '') {
            element.removeAttribute(name);
        } else {
            element.setAttribute(name, value);
        }
    }

    /**
     * @param {Object} config
     * @param {String|Number|null} chosen - Id of the chosen simple product, nothing while the choice is incomplete.
     */
    function tell(config, chosen) {
        var variantId = chosen ? String(chosen) : null,
            salable = variantId && isSalable(config, variantId);

        elementsOf(config).forEach(function (element) {
            set(element, 'variant-id', variantId);
            set(element, 'variant-title', variantId && titleOf(config, variantId));

            // Magento leaves the id of a former choice in the page's form: without one, the button must be hidden.
            set(element, 'available', variantId ? salable === null ? null : String(salable) : 'true');
        });
    }

    return {
        isOnPage: isOnPage,
        isSalable: isSalable,
        tell: tell
    };
});
