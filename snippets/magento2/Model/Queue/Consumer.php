<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Queue;

use Magento\Framework\Serialize\Serializer\Json;
use Psr\Log\LoggerInterface;
use Stockbell\BackInStock\Model\Product\ProductIds;
use Stockbell\BackInStock\Model\Push\Owed;
use Stockbell\BackInStock\Model\Push\Pusher;

/**
 * Tells Stockbell what stands in the queue.
 */
class Consumer
{
    /**
     * Take what sends, and what remembers.
     *
     * @param Json $json
     * @param ProductIds $productIds
     * @param Pusher $pusher
     * @param Owed $owed
     * @param LoggerInterface $logger
     */
    public function __construct(
        private readonly Json $json,
        private readonly ProductIds $productIds,
        private readonly Pusher $pusher,
        private readonly Owed $owed,
        private readonly LoggerInterface $logger
    ) {
    }

    /**
     * Handle one message of the topic stockbell.stock.changed.
     *
     * Magento's queue gives a message up for good when its handler throws, so what cannot be sent is written down as
     * owed; a cron job queues it again.
     *
     * @param string $message
     * @return void
     */
    public function process(string $message): void
    {
        $changed = $this->json->unserialize($message);
        $changed = is_array($changed) ? $changed : [];
        $ids = [
            ...array_map('intval', $changed['ids'] ?? []),
            ...$this->productIds->bySkus(array_map('strval', $changed['skus'] ?? [])),
        ];
        try {
            $this->owed->add($this->pusher->push($ids, !empty($changed['catalog']))->owed);
        } catch (\Throwable $error) {
            $this->logger->error('Stockbell: stock could not be told.', ['exception' => $error]);
            $this->owed->add($ids);
        }
    }
}
