<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Product;

use Magento\Catalog\Model\ResourceModel\Product as ProductResource;
use Magento\Catalog\Model\ResourceModel\Product\CollectionFactory;
use Magento\CatalogInventory\Api\StockConfigurationInterface;

/**
 * Finds product ids.
 */
class ProductIds
{
    /**
     * Take what reads products.
     *
     * @param ProductResource $productResource
     * @param CollectionFactory $collectionFactory
     * @param StockConfigurationInterface $stockConfiguration
     */
    public function __construct(
        private readonly ProductResource $productResource,
        private readonly CollectionFactory $collectionFactory,
        private readonly StockConfigurationInterface $stockConfiguration
    ) {
    }

    /**
     * The ids of these products. MSI knows SKUs only, in whatever case they were written.
     *
     * @param string[] $skus
     * @return int[] Unknown SKUs are left out.
     */
    public function bySkus(array $skus): array
    {
        return $skus ? array_values(array_map('intval', $this->productResource->getProductsIdsBySkus($skus))) : [];
    }

    /**
     * Every product that has stock of its own, page by page.
     *
     * @param int $pageSize
     * @return \Generator<int, int[]>
     */
    public function all(int $pageSize): \Generator
    {
        $types = array_keys(array_filter($this->stockConfiguration->getIsQtyTypeIds()));
        $last = 0;
        do {
            $collection = $this->collectionFactory->create();
            $collection->setFlag('has_stock_status_filter', true);
            $collection->addFieldToFilter('type_id', ['in' => $types]);
            $collection->addFieldToFilter('entity_id', ['gt' => $last]);
            $collection->setOrder('entity_id', 'ASC');
            $collection->setPageSize($pageSize);
            $collection->setCurPage(1);
            $ids = array_map('intval', $collection->getColumnValues('entity_id'));
            if ($ids) {
                $last = max($ids);
                yield $ids;
            }
        } while (count($ids) === $pageSize);
    }
}
