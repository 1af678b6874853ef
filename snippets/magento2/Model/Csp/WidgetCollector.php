<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Csp;

use Magento\Csp\Api\PolicyCollectorInterface;
use Magento\Csp\Model\Policy\FetchPolicy;
use Stockbell\BackInStock\Model\Config;

/**
 * Lets the shop's pages load the widget from the merchant's Stockbell, and talk to it.
 */
class WidgetCollector implements PolicyCollectorInterface
{
    /**
     * Take the settings.
     *
     * @param Config $config
     */
    public function __construct(private readonly Config $config)
    {
    }

    /**
     * Add the two directives that the widget needs.
     *
     * @param \Magento\Csp\Api\Data\PolicyInterface[] $defaultPolicies
     * @return \Magento\Csp\Api\Data\PolicyInterface[]
     */
    public function collect(array $defaultPolicies = []): array
    {
        if ($this->config->isOn()) {
            foreach (['script-src', 'connect-src'] as $directive) {
                $defaultPolicies[] = new FetchPolicy($directive, false, [$this->config->host()]);
            }
        }
        return $defaultPolicies;
    }
}
