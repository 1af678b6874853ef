<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Plugin;

use Magento\CatalogInventory\Model\Indexer\Stock\CacheCleaner;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * The index of the default stock has caught up.
 */
class StockIndexed
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
     * @param CacheCleaner $subject
     * @param mixed $result
     * @param int[] $productIds
     * @return mixed
     * @SuppressWarnings(PHPMD.UnusedFormalParameter)
     */
    public function afterClean(CacheCleaner $subject, $result, array $productIds)
    {
        $this->changedProducts->byId($productIds);
        return $result;
    }
}
