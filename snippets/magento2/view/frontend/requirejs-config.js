var config = {
    config: {
        mixins: {
            'Magento_Swatches/js/swatch-renderer': {
                'Stockbell_BackInStock/js/swatch-renderer-mixin': true
            },
            'Magento_ConfigurableProduct/js/configurable': {
                'Stockbell_BackInStock/js/configurable-mixin': true
            }
        }
    }
};
