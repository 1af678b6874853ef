<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Plugin;

use Magento\InventoryApi\Api\SourceItemsDeleteInterface;
use Magento\InventoryApi\Api\SourceItemsSaveInterface;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * MSI: the quantity at a source was set, or a product was taken out of it.
 */
class SourceItemsChanged
{
    /**
     * Take the queue.
     *
     * @param ChangedProducts $changedProducts
     */
    public function __construct(private readonly ChangedProducts $changedProducts)
    {
    }

    /**
     * Note which products.
     *
     * @param SourceItemsSaveInterface|SourceItemsDeleteInterface $subject
     * @param mixed $result
     * @param \Magento\InventoryApi\Api\Data\SourceItemInterface[] $sourceItems
     * @return mixed
     * @SuppressWarnings(PHPMD.UnusedFormalParameter)
     */
    public function afterExecute(
        SourceItemsSaveInterface|SourceItemsDeleteInterface $subject,
        $result,
        array $sourceItems
    ) {
        $this->changedProducts->bySku(array_map(static fn ($item): string => (string)$item->getSku(), $sourceItems));
        return $result;
    }
}
