<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Stock;

use Magento\Catalog\Model\Product\Attribute\Source\Status;
use Magento\Catalog\Model\ResourceModel\Product\CollectionFactory;
use Magento\CatalogInventory\Api\StockConfigurationInterface;
use Stockbell\BackInStock\Model\Push\Target;

/**
 * How much of products can be bought in a shop, as Stockbell wants to hear it.
 */
class LevelReader
{
    private const MOST_UNITS = 2147483647;

    /**
     * Take what reads products, and the two kinds of stock.
     *
     * @param CollectionFactory $collectionFactory
     * @param StockConfigurationInterface $stockConfiguration
     * @param MsiReader $msiReader
     * @param ClassicReader $classicReader
     */
    public function __construct(
        private readonly CollectionFactory $collectionFactory,
        private readonly StockConfigurationInterface $stockConfiguration,
        private readonly MsiReader $msiReader,
        private readonly ClassicReader $classicReader
    ) {
    }

    /**
     * Read the levels of these products.
     *
     * @param int[] $ids
     * @param Target $target
     * @return array<int, array<string, string|int|null>> What `levels` of `PUT /api/v1/inventory` holds. Products that
     *     are switched off, deleted or not in this website have 0; such as bundles, which have no stock, are left out.
     */
    public function read(array $ids, Target $target): array
    {
        // Before anything is read: of two that read and send at once, the later reading shall count.
        $readAt = (new \DateTimeImmutable('now', new \DateTimeZone('UTC')))->format('Y-m-d\TH:i:s.u\Z');
        $quantities = array_fill_keys($ids, 0);
        $skus = [];
        foreach ($this->products($ids, $target) as $product) {
            $id = (int)$product->getId();
            if (empty($this->stockConfiguration->getIsQtyTypeIds()[$product->getTypeId()])) {
                unset($quantities[$id]);
            } elseif ((int)$product->getStatus() === Status::STATUS_ENABLED) {
                $skus[$id] = (string)$product->getSku();
            }
        }
        if ($skus) {
            $reader = $target->stockId === null ? $this->classicReader : $this->msiReader;
            $quantities = $reader->read($skus, $target) + $quantities;
        }
        $levels = [];
        foreach ($quantities as $id => $quantity) {
            $levels[] = [
                'variant_id' => (string)$id,
                'available' => $quantity === null ? null : (int)max(0, min(floor($quantity), self::MOST_UNITS)),
                'updated_at' => $readAt,
            ];
        }
        return $levels;
    }

    /**
     * Those of the products that the shop may sell.
     *
     * @param int[] $ids
     * @param Target $target
     * @return iterable<\Magento\Catalog\Model\Product>
     */
    private function products(array $ids, Target $target): iterable
    {
        $collection = $this->collectionFactory->create();
        // What is sold out is what we are here for.
        $collection->setFlag('has_stock_status_filter', true);
        $collection->setStoreId($target->storeId);
        $collection->addAttributeToSelect('status');
        $collection->addIdFilter($ids);
        $collection->addWebsiteFilter([$target->websiteId]);
        return $collection;
    }
}
