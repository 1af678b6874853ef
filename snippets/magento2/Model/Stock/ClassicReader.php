<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Stock;

use Magento\CatalogInventory\Api\StockRegistryInterface;
use Magento\CatalogInventory\Model\StockRegistryStorage;
use Stockbell\BackInStock\Model\Push\Target;

/**
 * Quantities of the classic stock, for shops without multi-source inventory.
 */
class ClassicReader implements QuantityReaderInterface
{
    /**
     * Take the stock, and what remembers it.
     *
     * @param StockRegistryInterface $stockRegistry
     * @param StockRegistryStorage $memory
     */
    public function __construct(
        private readonly StockRegistryInterface $stockRegistry,
        private readonly StockRegistryStorage $memory
    ) {
    }

    /**
     * Read quantities.
     *
     * @param array<int, string> $skus
     * @param Target $target
     * @return array<int, float|int|null>
     */
    public function read(array $skus, Target $target): array
    {
        // What this process has read before may have changed since: the queue's may run for days.
        $this->memory->clean();
        $quantities = [];
        foreach (array_keys($skus) as $id) {
            $item = $this->stockRegistry->getStockItem($id, $target->websiteId);
            $quantities[$id] = match (true) {
                !$item->getManageStock() => null,
                !$item->getIsInStock() => 0,
                (int)$item->getBackorders() !== 0 && $item->getMinQty() >= 0 => null,
                default => (float)$item->getQty() - (float)$item->getMinQty(),
            };
        }
        return $quantities;
    }
}
