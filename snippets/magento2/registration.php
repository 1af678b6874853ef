<?php

/**
 * Stockbell: back-in-stock alerts.
 */

declare(strict_types=1);

use Magento\Framework\Component\ComponentRegistrar;

ComponentRegistrar::register(ComponentRegistrar::MODULE, 'Stockbell_BackInStock', __DIR__);
