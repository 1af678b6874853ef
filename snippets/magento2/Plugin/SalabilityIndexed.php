<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Plugin;

use Magento\InventoryCache\Model\FlushCacheByProductIds;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * MSI: the index has caught up, and products can be bought that could not, or the other way round.
 */
class SalabilityIndexed
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
     * @param FlushCacheByProductIds $subject
     * @param mixed $result
     * @param int[] $productIds
     * @return mixed
     * @SuppressWarnings(PHPMD.UnusedFormalParameter)
     */
    public function afterExecute(FlushCacheByProductIds $subject, $result, array $productIds)
    {
        $this->changedProducts->byId($productIds);
        return $result;
    }
}
