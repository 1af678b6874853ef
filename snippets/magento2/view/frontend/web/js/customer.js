/**
 * Lets the form start with the address of a signed-in customer, out of the customer's data in this browser: the page
 * itself is the same for everybody.
 */
define(['Magento_Customer/js/customer-data'], function (customerData) {
    'use strict';

    var isAsked = false;

    return function (config, element) {
        var section = customerData.get('stockbell');

        /**
         * @param {Object} data
         */
        function fillIn(data) {
            if (data && data.email) {
                element.setAttribute('customer-email', data.email);
            } else {
                element.removeAttribute('customer-email');
            }
        }

        fillIn(section());
        section.subscribe(fillIn);

        // Magento loads a section by itself once the browser has had it. Shoppers who are not signed in load nothing.
        customerData.getInitCustomerData().done(function () {
            if (!isAsked && (customerData.get('customer')() || {}).fullname && !(section() || {})['data_id']) {
                isAsked = true;
                customerData.reload(['stockbell'], false);
            }
        });
    };
});
