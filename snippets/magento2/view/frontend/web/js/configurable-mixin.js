/**
 * Drop-downs: sold-out options can be chosen, and the element follows the choice.
 */
define([
    'jquery',
    'Stockbell_BackInStock/js/selection',
    'mage/translate',
    'jquery-ui-modules/widget'
], function ($, selection, $t) {
    'use strict';

    return function (configurable) {
        $.widget('mage.configurable', configurable, {
            /** @inheritdoc */
            _configureElement: function (element) {
                this._super(element);
                this._tellStockbell();
            },

            /**
             * Magento switches off every option of which nothing can be bought. Nobody could ask for it then: say so
             * instead. What does not exist at all stays switched off.
             *
             * @inheritdoc
             */
            _fillSelect: function (element) {
                this._super(element);

                if (!selection.isOnPage(this.options.spConfig)) {
                    return;
                }

                Array.prototype.forEach.call(element.options, function (option) {
                    if (option.disabled && option.config && (option.config.allowedProducts || []).length) {
                        option.disabled = false;
                        option.text += ' (' + $t('sold out') + ')';
                    }
                });
            },

            /**
             * @private
             */
            _tellStockbell: function () {
                var selects = $.makeArray(this.options.settings),
                    last = selects[selects.length - 1],
                    // Magento empties and fills it whenever one before it changes.
                    option = last && last.options[last.selectedIndex],
                    products = (option && option.config || {}).allowedProducts || [];

                selection.tell(this.options.spConfig, products.length === 1 ? products[0] : null);
            }
        });

        return $.mage.configurable;
    };
});
