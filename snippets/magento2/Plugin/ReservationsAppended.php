<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Plugin;

use Magento\InventoryReservationsApi\Model\AppendReservationsInterface;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * MSI: an order was placed, canceled, shipped or refunded.
 */
class ReservationsAppended
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
     * Note which products.
     *
     * @param AppendReservationsInterface $subject
     * @param mixed $result
     * @param \Magento\InventoryReservationsApi\Model\ReservationInterface[] $reservations
     * @return mixed
     * @SuppressWarnings(PHPMD.UnusedFormalParameter)
     */
    public function afterExecute(AppendReservationsInterface $subject, $result, array $reservations)
    {
        $this->changedProducts->bySku(array_map(static fn ($one): string => (string)$one->getSku(), $reservations));
        return $result;
    }
}
