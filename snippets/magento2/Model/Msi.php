<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model;

use Magento\Framework\Api\ObjectFactory;
use Magento\Framework\Exception\NoSuchEntityException;
use Magento\Framework\Module\Manager;
use Magento\InventoryApi\Api\StockRepositoryInterface;
use Magento\InventoryConfiguration\Model\LegacyStockItem\CacheStorage as LegacyItems;
use Magento\InventoryConfigurationApi\Api\Data\StockItemConfigurationInterface;
use Magento\InventoryConfigurationApi\Api\GetStockItemConfigurationInterface;
use Magento\InventoryConfigurationApi\Exception\SkuIsNotAssignedToStockException;
use Magento\InventoryIndexer\Model\GetStockItemData\CacheStorage as StockData;
use Magento\InventoryReservations\Model\ResourceModel\GetReservationsQuantity;
use Magento\InventorySalesApi\Api\Data\SalesChannelInterface;
use Magento\InventorySalesApi\Api\StockResolverInterface;
use Magento\InventorySalesApi\Model\GetStockItemDataInterface;

/**
 * Magento's multi-source inventory, which a shop may have removed or switched off.
 *
 * The only class that calls it. Its services are no constructor arguments, because `setup:di:compile` reads those of
 * every class and would stop where MSI is not installed.
 */
class Msi
{
    private const MODULES = [
        'Magento_InventoryApi',
        'Magento_Inventory',
        'Magento_InventoryConfigurationApi',
        'Magento_InventoryConfiguration',
        'Magento_InventoryIndexer',
        'Magento_InventoryReservations',
        'Magento_InventorySalesApi',
        'Magento_InventorySales',
    ];

    /**
     * Take what tells whether it is there, and what makes its services.
     *
     * @param Manager $modules
     * @param ObjectFactory $services
     */
    public function __construct(private readonly Manager $modules, private readonly ObjectFactory $services)
    {
    }

    /**
     * Whether it is installed and switched on. Call nothing else before this.
     *
     * @return bool
     */
    public function isThere(): bool
    {
        foreach (self::MODULES as $module) {
            if (!$this->modules->isEnabled($module)) {
                return false;
            }
        }
        return true;
    }

    /**
     * The stock that a website sells from.
     *
     * @param string $websiteCode
     * @return int
     * @throws NoSuchEntityException
     */
    public function stockIdOf(string $websiteCode): int
    {
        /** @var StockResolverInterface $resolver */
        $resolver = $this->services->get(StockResolverInterface::class);
        return (int)$resolver->execute(SalesChannelInterface::TYPE_WEBSITE, $websiteCode)->getStockId();
    }

    /**
     * All stocks.
     *
     * @return array<int, string> Names by id.
     */
    public function stocks(): array
    {
        /** @var StockRepositoryInterface $stocks */
        $stocks = $this->services->get(StockRepositoryInterface::class);
        $names = [];
        foreach ($stocks->getList()->getItems() as $stock) {
            $names[(int)$stock->getStockId()] = (string)$stock->getName();
        }
        return $names;
    }

    /**
     * How much of a product its sources hold together, as the index says.
     *
     * @param string $sku
     * @param int $stockId
     * @return float|null Null: it cannot be sold, such as because all sources call it out of stock.
     * @throws \Magento\Framework\Exception\LocalizedException
     */
    public function onHand(string $sku, int $stockId): ?float
    {
        /** @var GetStockItemDataInterface $data */
        $data = $this->services->get(GetStockItemDataInterface::class);
        $found = $data->execute($sku, $stockId);
        return empty($found[GetStockItemDataInterface::IS_SALABLE])
            ? null
            : (float)$found[GetStockItemDataInterface::QUANTITY];
    }

    /**
     * How much of a product orders have taken that is still on hand; below zero.
     *
     * @param string $sku
     * @param int $stockId
     * @return float
     */
    public function reserved(string $sku, int $stockId): float
    {
        // Not the interface: what stands behind that remembers quantities for as long as the process runs.
        /** @var GetReservationsQuantity $reserved */
        $reserved = $this->services->get(GetReservationsQuantity::class);
        return $reserved->execute($sku, $stockId);
    }

    /**
     * How stock of a product is kept.
     *
     * @param string $sku
     * @param int $stockId
     * @return StockItemConfigurationInterface|null Null: it was taken out of the stock, or deleted.
     * @throws \Magento\Framework\Exception\LocalizedException
     */
    public function rules(string $sku, int $stockId): ?StockItemConfigurationInterface
    {
        /** @var GetStockItemConfigurationInterface $rules */
        $rules = $this->services->get(GetStockItemConfigurationInterface::class);
        try {
            return $rules->execute($sku, $stockId);
        } catch (SkuIsNotAssignedToStockException | NoSuchEntityException $error) {
            return null;
        }
    }

    /**
     * Have what MSI remembers of products read anew. The queue's process may run for days.
     *
     * @param string[] $skus
     * @param int $stockId
     * @return void
     */
    public function forget(array $skus, int $stockId): void
    {
        foreach ([LegacyItems::class => [], StockData::class => [$stockId]] as $class => $before) {
            // Not in every version.
            if (class_exists($class) && method_exists($class, 'delete')) {
                $memory = $this->services->get($class);
                foreach ($skus as $sku) {
                    $memory->delete(...[...$before, $sku]);
                }
            }
        }
    }
}
