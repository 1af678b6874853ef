<?php
/**
 * Tells a server about stock. In: settings, stores, products, `steps` (lists of a name and its arguments).
 * Out: what each step gave back, what is owed, published and logged.
 */
declare(strict_types=1);

require __DIR__ . '/bootstrap.php';

use Magento\CatalogInventory\Api\ClassicStock;
use Magento\CatalogInventory\Api\StockConfigurationInterface;
use Magento\CatalogInventory\Api\StockRegistryInterface;
use Magento\CatalogInventory\Api\Types;
use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\App\Config\Settings;
use Magento\Framework\FlagManager;
use Magento\Framework\HTTP\Client\CurlFactory;
use Magento\Framework\Lock\LockManagerInterface;
use Magento\Framework\Lock\Locks;
use Magento\Framework\MessageQueue\Published;
use Magento\Framework\MessageQueue\PublisherInterface;
use Magento\Framework\Serialize\Serializer\Json;
use Magento\Store\Model\StoreManagerInterface;
use Magento\Store\Model\Stores;
use Psr\Log\Log;
use Psr\Log\LoggerInterface;
use Stockbell\BackInStock\Cron\PushEverything;
use Stockbell\BackInStock\Cron\PushOwed;
use Stockbell\BackInStock\Model\Catalog\ParentReader;
use Stockbell\BackInStock\Model\Catalog\CategoryNames;
use Stockbell\BackInStock\Model\Push\Client;
use Stockbell\BackInStock\Model\Push\Pusher;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;
use Stockbell\BackInStock\Model\Queue\Consumer;
use Stockbell\BackInStock\Plugin\ReservationsAppended;

/** Reads links out of world(), where Magento has tables. */
class ParentsOfWorld extends ParentReader
{
    public function __construct()
    {
    }

    public function parentIds(array $ids): array
    {
        $parents = [];
        foreach (world()['products'] as $product) {
            foreach (array_intersect($product['children'] ?? [], $ids) as $child) {
                $parents[$child] = $product['id'];
            }
        }
        return $parents;
    }
}

class CategoriesOfWorld extends CategoryNames
{
    public function __construct()
    {
    }

    public function read(array $ids, int $storeId): array
    {
        return array_map(static fn (int $id): string => "Category $id", array_combine($ids, $ids));
    }
}

class Reservations implements \Magento\InventoryReservationsApi\Model\AppendReservationsInterface
{
}

$world = world();
$published = new Published();
$published->isBroken = $world['broken_queue'] ?? false;
$log = new Log();
$flags = new FlagManager();
$timeouts = $world['timeouts'] ?? [];
$given = [
    ScopeConfigInterface::class => new Settings($world['settings']),
    StoreManagerInterface::class => new Stores($world['stores']),
    StockConfigurationInterface::class => new Types(),
    StockRegistryInterface::class => new ClassicStock(),
    PublisherInterface::class => $published,
    LoggerInterface::class => $log,
    FlagManager::class => $flags,
    LockManagerInterface::class => new Locks(),
    ParentReader::class => new ParentsOfWorld(),
    CategoryNames::class => new CategoriesOfWorld(),
    Client::class => new Client(new CurlFactory(), new Json(), ...$timeouts),
];
$given[ChangedProducts::class] = make(ChangedProducts::class, $given);
$results = [];
foreach ($world['steps'] as [$name, $argument]) {
    $results[] = match ($name) {
        'push' => make(Pusher::class, $given)->push($argument),
        'push_with_catalog' => make(Pusher::class, $given)->push($argument, true),
        'consume' => make(Consumer::class, $given)->process(json_encode($argument)),
        'consume_published' => array_map(
            static fn (array $one) => make(Consumer::class, $given)->process(json_encode($one[1])),
            array_splice($published->messages, 0)
        ),
        'cron_everything' => make(PushEverything::class, $given)->execute(),
        'cron_owed' => make(PushOwed::class, $given)->execute(),
        'order' => make(ReservationsAppended::class, $given)->afterExecute(
            new Reservations(),
            null,
            array_map(static fn (string $sku): object => new \Magento\Store\Model\Store(['sku' => $sku]), $argument)
        ),
    };
}
echo json_encode([
    'results' => $results,
    'owed' => $flags->flags['stockbell_owed'] ?? [],
    'published' => $published->messages,
    'log' => $log->lines,
    'forgotten' => [
        ...\Magento\InventoryConfiguration\Model\LegacyStockItem\CacheStorage::$forgotten,
        ...\Magento\CatalogInventory\Model\StockRegistryStorage::$forgotten,
    ],
], JSON_THROW_ON_ERROR);
