/**
 * Swatches: sold-out ones can be chosen, and the element follows the choice.
 */
define(['jquery', 'Stockbell_BackInStock/js/selection', 'jquery-ui-modules/widget'], function ($, selection) {
    'use strict';

    var SOLD_OUT = 'stockbell-sold-out';

    return function (SwatchRenderer) {
        $.widget('mage.SwatchRenderer', SwatchRenderer, {
            /** @inheritdoc */
            _init: function () {
                this._super();
                this._tellStockbell();
            },

            /** @inheritdoc */
            _OnClick: function ($this, widget) {
                this._super($this, widget);
                this._tellStockbell();
            },

            /** @inheritdoc */
            _OnChange: function ($this, widget) {
                this._super($this, widget);
                this._tellStockbell();
            },

            /**
             * Magento switches off every option of which nothing can be bought. Nobody could ask for it then: mark it
             * instead. What does not exist at all stays switched off, by other means.
             *
             * @inheritdoc
             */
            disableSwatchForOutOfStockProducts: function () {
                var config = this.options.jsonConfig;

                if (!selection.isOnPage(config)) {
                    return this._super();
                }

                if (config.canDisplayShowOutOfStockStatus) {
                    this._markSoldOut(config.salable || {});
                }
            },

            /**
             * @param {Object} salable - Product ids by attribute and option.
             * @private
             */
            _markSoldOut: function (salable) {
                $(this.element).find('[data-attribute-id] [data-option-id]').each(function () {
                    var attribute = this.closest('[data-attribute-id]').getAttribute('data-attribute-id'),
                        option = this.getAttribute('data-option-id'),
                        known = option !== '0' && !this.hasAttribute('data-option-empty');

                    this.classList.toggle(SOLD_OUT, known && !((salable[attribute] || {})[option] || []).length);
                });
            },

            /**
             * @private
             */
            _tellStockbell: function () {
                var attributes = (this.options.jsonConfig || {}).attributes,
                    chosen;

                // Not drawn yet, or for want of data never.
                if (!this.optionsMap || !attributes) {
                    return;
                }

                chosen = $(this.element).find('[data-attribute-id][data-option-selected]').length;

                selection.tell(
                    this.options.jsonConfig,
                    chosen >= Object.keys(attributes).length ? this.getProductId() : null
                );
            }
        });

        return $.mage.SwatchRenderer;
    };
});
