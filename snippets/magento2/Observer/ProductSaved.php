<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Observer;

use Magento\Framework\Event\Observer;
use Magento\Framework\Event\ObserverInterface;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * A product is new, or was switched on or off: its quantity may be the same, but not what can be bought.
 */
class ProductSaved implements ObserverInterface
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
        $product = $observer->getEvent()->getData('product');
        if ($product && ($product->isObjectNew() || $product->dataHasChangedFor('status'))) {
            $this->changedProducts->byId([(int)$product->getId()]);
        }
    }
}
