<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\CustomerData;

use Magento\Customer\CustomerData\SectionSourceInterface;
use Magento\Customer\Helper\Session\CurrentCustomer;
use Stockbell\BackInStock\Model\Config;

/**
 * The signed-in customer's own address, for the form to start with. Private content: in no cached page.
 */
class Customer implements SectionSourceInterface
{
    /**
     * Take what knows the customer.
     *
     * @param CurrentCustomer $currentCustomer
     * @param Config $config
     */
    public function __construct(
        private readonly CurrentCustomer $currentCustomer,
        private readonly Config $config
    ) {
    }

    /**
     * The section `stockbell` of the customer's data in the browser.
     *
     * @return array<string, string>
     */
    public function getSectionData(): array
    {
        if (!$this->config->isOn() || !$this->config->fillsInEmail() || !$this->currentCustomer->getCustomerId()) {
            return [];
        }
        return ['email' => (string)$this->currentCustomer->getCustomer()->getEmail()];
    }
}
