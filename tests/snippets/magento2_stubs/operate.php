<?php
/**
 * Runs what merchants run. In: settings, stores, products, `late` (messages that wait too long), `owed`.
 * Out: the findings of the check, what removal deletes, and what the settings' fields make of what was typed.
 */
declare(strict_types=1);

require __DIR__ . '/bootstrap.php';

use Magento\CatalogInventory\Api\StockConfigurationInterface;
use Magento\CatalogInventory\Api\Types;
use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\App\Config\Settings;
use Magento\Framework\App\ResourceConnection;
use Magento\Framework\FlagManager;
use Magento\Framework\HTTP\Client\CurlFactory;
use Magento\Framework\Lock\LockManagerInterface;
use Magento\Framework\Lock\Locks;
use Magento\Framework\Serialize\Serializer\Json;
use Magento\Store\Model\StoreManagerInterface;
use Magento\Store\Model\Stores;
use Stockbell\BackInStock\Model\Check;
use Stockbell\BackInStock\Model\Config\Backend\Color;
use Stockbell\BackInStock\Model\Config\Backend\Host;
use Stockbell\BackInStock\Model\Push\Client;
use Stockbell\BackInStock\Setup\Removal;

/** A database that answers one question, and writes down what is deleted. */
class Database extends ResourceConnection
{
    public array $deleted = [];

    public function getConnection(): static
    {
        return $this;
    }

    public function getTableName(string $name): string
    {
        return 'pre_' . $name;
    }

    public function isTableExists(string $name): bool
    {
        return $name !== 'pre_cron_schedule';
    }

    public function fetchOne(): string
    {
        return (string)(world()['late'] ?? 0);
    }

    public function delete(string $table, array $where): int
    {
        $this->deleted[$table] = $where;
        return 1;
    }
}

$database = new Database();
$flags = new FlagManager();
$flags->flags = ['stockbell_owed' => world()['owed'] ?? null];
$given = [
    ScopeConfigInterface::class => new Settings(world()['settings']),
    StoreManagerInterface::class => new Stores(world()['stores']),
    StockConfigurationInterface::class => new Types(),
    FlagManager::class => $flags,
    LockManagerInterface::class => new Locks(),
    ResourceConnection::class => $database,
    Client::class => new Client(new CurlFactory(), new Json(), timeoutSeconds: 5),
];
$typed = [];
foreach (world()['typed'] ?? [] as [$kind, $value]) {
    $field = $kind === 'host' ? new Host($value) : new Color($value);
    try {
        $field->beforeSave();
        $typed[] = $field->getValue();
    } catch (\Magento\Framework\Exception\LocalizedException $error) {
        $typed[] = false;
    }
}
echo json_encode([
    'findings' => iterator_to_array(make(Check::class, $given)->run(), false),
    'removed' => make(Removal::class, $given)->run(),
    'deleted' => $database->deleted,
    'typed' => $typed,
], JSON_THROW_ON_ERROR);
