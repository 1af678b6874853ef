<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Setup;

use Magento\Framework\App\ResourceConnection;
use Stockbell\BackInStock\Model\Push\Owed;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * Removes every row that the module or Magento wrote because of it. It has no tables of its own.
 */
class Removal
{
    /**
     * Take the database.
     *
     * @param ResourceConnection $resource
     */
    public function __construct(private readonly ResourceConnection $resource)
    {
    }

    /**
     * Remove them.
     *
     * @return int How many.
     */
    public function run(): int
    {
        $removed = 0;
        foreach ($this->conditions() as [$table, $condition, $value]) {
            $name = $this->resource->getTableName($table);
            $connection = $this->resource->getConnection();
            if ($connection->isTableExists($name)) {
                $removed += $connection->delete($name, [$condition => $value]);
            }
        }
        return $removed;
    }

    /**
     * Where the rows are. What hangs on messages and queues goes with them.
     *
     * @return array<int, array{0: string, 1: string, 2: string}>
     */
    private function conditions(): array
    {
        return [
            ['core_config_data', 'path LIKE ?', 'stockbell/%'],
            ['flag', 'flag_code = ?', Owed::FLAG],
            ['queue_message', 'topic_name = ?', ChangedProducts::TOPIC],
            ['queue', 'name = ?', ChangedProducts::TOPIC],
            ['cron_schedule', 'job_code LIKE ?', 'stockbell\_%'],
        ];
    }
}
