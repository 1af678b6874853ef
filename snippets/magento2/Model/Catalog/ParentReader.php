<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Catalog;

use Magento\Catalog\Api\Data\ProductInterface;
use Magento\Framework\App\ResourceConnection;
use Magento\Framework\EntityManager\MetadataPool;

/**
 * Which configurable or grouped products others are sold in.
 */
class ParentReader
{
    /** The type of link in catalog_product_link that holds grouped products together. */
    private const GROUPED = 3;

    /**
     * Take the database.
     *
     * @param ResourceConnection $resource
     * @param MetadataPool $metadataPool
     */
    public function __construct(
        private readonly ResourceConnection $resource,
        private readonly MetadataPool $metadataPool
    ) {
    }

    /**
     * The products that these are sold in. Read for all at once, which no service of Magento's does.
     *
     * @param int[] $ids
     * @return array<int, int> Id of the parent by id; of several the first, configurable ones before grouped ones.
     */
    public function parentIds(array $ids): array
    {
        if (!$ids) {
            return [];
        }
        return $this->linked('catalog_product_super_link', 'parent_id', 'product_id', $ids, null)
            + $this->linked('catalog_product_link', 'product_id', 'linked_product_id', $ids, self::GROUPED);
    }

    /**
     * Read one kind of link.
     *
     * @param string $table
     * @param string $parentColumn Holds the link field: with Adobe Commerce's staging not the product ID.
     * @param string $childColumn
     * @param int[] $ids
     * @param int|null $linkType
     * @return array<int, int>
     */
    private function linked(string $table, string $parentColumn, string $childColumn, array $ids, ?int $linkType): array
    {
        $connection = $this->resource->getConnection();
        $linkField = $this->metadataPool->getMetadata(ProductInterface::class)->getLinkField();
        $select = $connection->select()
            ->from(['link' => $this->resource->getTableName($table)], ['child' => $childColumn])
            ->join(
                ['parent' => $this->resource->getTableName('catalog_product_entity')],
                'parent.' . $linkField . ' = link.' . $parentColumn,
                ['parent' => 'entity_id']
            )
            ->where('link.' . $childColumn . ' IN (?)', $ids)
            ->order('parent.entity_id DESC');
        if ($linkType !== null) {
            $select->where('link.link_type_id = ?', $linkType);
        }
        // Of several parents the last row counts, which is the oldest product.
        return array_map('intval', $connection->fetchPairs($select));
    }
}
