<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Cron;

use Stockbell\BackInStock\Model\Push\Owed;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * Every five minutes: what Stockbell could not be told about is queued again.
 */
class PushOwed
{
    /**
     * Take both.
     *
     * @param Owed $owed
     * @param ChangedProducts $changedProducts
     */
    public function __construct(private readonly Owed $owed, private readonly ChangedProducts $changedProducts)
    {
    }

    /**
     * Queue what is owed.
     *
     * @return void
     */
    public function execute(): void
    {
        $this->changedProducts->byId($this->owed->take());
    }
}
