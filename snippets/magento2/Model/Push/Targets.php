<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Push;

use Magento\Store\Api\Data\StoreInterface;
use Magento\Store\Model\StoreManagerInterface;
use Stockbell\BackInStock\Model\Config;
use Stockbell\BackInStock\Model\Msi;

/**
 * Which shops in Stockbell are told about stock.
 */
class Targets
{
    /**
     * Take the settings, and what knows store views and stocks.
     *
     * @param Config $config
     * @param StoreManagerInterface $storeManager
     * @param Msi $msi
     */
    public function __construct(
        private readonly Config $config,
        private readonly StoreManagerInterface $storeManager,
        private readonly Msi $msi
    ) {
    }

    /**
     * Whether there is any.
     *
     * @return bool
     */
    public function exist(): bool
    {
        return $this->stores() !== [];
    }

    /**
     * All of them. Several store views of one shop in Stockbell count once: the first speaks for all.
     *
     * @return Target[]
     * @throws \Magento\Framework\Exception\NoSuchEntityException
     */
    public function all(): array
    {
        $targets = [];
        foreach ($this->stores() as $store) {
            $storeId = (int)$store->getId();
            $host = $this->config->host($storeId);
            $apiKey = $this->config->apiKey($storeId);
            $websiteId = (int)$store->getWebsiteId();
            $targets[$host . ' ' . $apiKey] ??= new Target(
                $storeId,
                $websiteId,
                $host,
                $this->config->publicKey($storeId),
                $apiKey,
                $this->stockId($storeId, $websiteId),
                $this->config->pushesCatalog($storeId)
            );
        }
        return array_values($targets);
    }

    /**
     * The store views that push, in the order of their ids.
     *
     * @return StoreInterface[]
     */
    private function stores(): array
    {
        $stores = [];
        foreach ($this->storeManager->getStores() as $store) {
            if ($store->getIsActive() && $this->config->pushesStock((int)$store->getId())) {
                $stores[(int)$store->getId()] = $store;
            }
        }
        ksort($stores);
        return $stores;
    }

    /**
     * The stock whose quantities count.
     *
     * @param int $storeId
     * @param int $websiteId
     * @return int|null Null: the classic stock.
     * @throws \Magento\Framework\Exception\NoSuchEntityException
     */
    private function stockId(int $storeId, int $websiteId): ?int
    {
        if (!$this->msi->isThere()) {
            return null;
        }
        return $this->config->stockId($storeId)
            ?? $this->msi->stockIdOf((string)$this->storeManager->getWebsite($websiteId)->getCode());
    }
}
