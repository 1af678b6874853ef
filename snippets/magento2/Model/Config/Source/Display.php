<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Config\Source;

use Magento\Framework\Data\OptionSourceInterface;

/**
 * Where the form opens.
 */
class Display implements OptionSourceInterface
{
    /**
     * List the choices.
     *
     * @return array<int, array<string, mixed>>
     */
    public function toOptionArray(): array
    {
        return [
            ['value' => 'dialog', 'label' => __('In a dialog')],
            ['value' => 'inline', 'label' => __('In place, under the button')],
        ];
    }
}
