<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Config\Source;

use Magento\Framework\Data\OptionSourceInterface;
use Stockbell\BackInStock\Model\Msi;

/**
 * Which stock's quantities are told.
 */
class Stock implements OptionSourceInterface
{
    /**
     * Take what knows the stocks.
     *
     * @param Msi $msi
     */
    public function __construct(private readonly Msi $msi)
    {
    }

    /**
     * List the choices.
     *
     * @return array<int, array<string, mixed>>
     */
    public function toOptionArray(): array
    {
        $choices = [['value' => '', 'label' => __("The stock of the store view's website")]];
        if ($this->msi->isThere()) {
            foreach ($this->msi->stocks() as $id => $name) {
                $choices[] = ['value' => (string)$id, 'label' => $name];
            }
        }
        return $choices;
    }
}
