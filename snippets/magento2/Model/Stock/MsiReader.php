<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Stock;

use Stockbell\BackInStock\Model\Msi;
use Stockbell\BackInStock\Model\Push\Target;

/**
 * Salable quantities of multi-source inventory: on hand, less what is reserved and the out-of-stock threshold.
 *
 * The same sum as Magento's GetProductSalableQtyInterface, which cannot be asked here: it remembers reservations for as
 * long as the process runs, and the queue's process runs on.
 */
class MsiReader implements QuantityReaderInterface
{
    /**
     * Take MSI.
     *
     * @param Msi $msi
     */
    public function __construct(private readonly Msi $msi)
    {
    }

    /**
     * Read quantities.
     *
     * @param array<int, string> $skus
     * @param Target $target
     * @return array<int, float|int|null>
     * @throws \Magento\Framework\Exception\LocalizedException Something is broken: better no word than a wrong one.
     */
    public function read(array $skus, Target $target): array
    {
        $stockId = (int)$target->stockId;
        $this->msi->forget($skus, $stockId);
        $quantities = [];
        foreach ($skus as $id => $sku) {
            $quantities[$id] = $this->quantity($sku, $stockId);
        }
        return $quantities;
    }

    /**
     * The quantity of a product that can be bought.
     *
     * @param string $sku
     * @param int $stockId
     * @return float|int|null
     * @throws \Magento\Framework\Exception\LocalizedException
     */
    private function quantity(string $sku, int $stockId): float|int|null
    {
        $onHand = $this->msi->onHand($sku, $stockId);
        $rules = $onHand === null ? null : $this->msi->rules($sku, $stockId);
        if ($rules === null) {
            return 0;
        }
        // With backorders, a threshold below zero is a limit: so many may be ordered ahead.
        $isUnlimited = !$rules->isManageStock() || ($rules->getBackorders() !== 0 && $rules->getMinQty() >= 0);
        return $isUnlimited ? null : $onHand + $this->msi->reserved($sku, $stockId) - $rules->getMinQty();
    }
}
