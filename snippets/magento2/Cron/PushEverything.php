<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Cron;

use Stockbell\BackInStock\Model\Product\ProductIds;
use Stockbell\BackInStock\Model\Push\Pusher;
use Stockbell\BackInStock\Model\Push\Targets;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * Once a night: whatever was changed past us, such as by SQL or an import, is made up for.
 */
class PushEverything
{
    /**
     * Take the queue, and what is put into it.
     *
     * @param Targets $targets
     * @param ProductIds $productIds
     * @param ChangedProducts $changedProducts
     */
    public function __construct(
        private readonly Targets $targets,
        private readonly ProductIds $productIds,
        private readonly ChangedProducts $changedProducts
    ) {
    }

    /**
     * Queue every product.
     *
     * @return void
     */
    public function execute(): void
    {
        if ($this->targets->exist()) {
            foreach ($this->productIds->all(Pusher::MOST_LEVELS) as $ids) {
                $this->changedProducts->byId($ids, withCatalog: true);
            }
        }
    }
}
