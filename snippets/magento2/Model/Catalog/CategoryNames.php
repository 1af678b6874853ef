<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Catalog;

use Magento\Catalog\Model\ResourceModel\Category\CollectionFactory;

/**
 * What categories are called.
 */
class CategoryNames
{
    /**
     * Take what reads categories.
     *
     * @param CollectionFactory $collectionFactory
     */
    public function __construct(private readonly CollectionFactory $collectionFactory)
    {
    }

    /**
     * The names of these categories, without roots.
     *
     * @param int[] $ids
     * @param int $storeId
     * @return array<int, string> By id.
     */
    public function read(array $ids, int $storeId): array
    {
        $names = [];
        if ($ids) {
            $collection = $this->collectionFactory->create();
            $collection->setStoreId($storeId);
            $collection->addAttributeToSelect('name');
            $collection->addIdFilter($ids);
            // Below the root of all and the root of a store.
            $collection->addFieldToFilter('level', ['gt' => 1]);
            foreach ($collection as $category) {
                $names[(int)$category->getId()] = (string)$category->getName();
            }
        }
        return $names;
    }
}
