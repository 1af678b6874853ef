<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Observer;

use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * The classic stock of a product was saved, or how its stock is kept.
 */
class StockItemSaved implements ObserverInterface
{
    /**
     * Take the queue.
     *
     * @param ChangedProducts $changedProducts
     */
    public function __construct(private readonly ChangedProducts $changedProducts)
    {
    }

    /**
     * Note which product.
     *
     * @param Observer $observer
     * @return void
     */
    public function execute(Observer $observer): void
    {
        $item = $observer->getEvent()->getData('item');
        if ($item) {
            $this->changedProducts->byId([(int)$item->getProductId()]);
        }
    }
}
