<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Push;

/**
 * A shop in Stockbell, and what it is told about.
 */
class Target
{
    /**
     * All of it.
     *
     * @param int $storeId The store view whose titles, pages and prices are told.
     * @param int $websiteId Products of other websites are not told.
     * @param string $host
     * @param string $publicKey
     * @param string $apiKey
     * @param int|null $stockId Null: the classic stock.
     * @param bool $withCatalog
     */
    public function __construct(
        public readonly int $storeId,
        public readonly int $websiteId,
        public readonly string $host,
        public readonly string $publicKey,
        public readonly string $apiKey,
        public readonly ?int $stockId,
        public readonly bool $withCatalog
    ) {
    }
}
