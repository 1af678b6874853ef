<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Queue;

use Magento\Framework\MessageQueue\PublisherInterface;
use Psr\Log\LoggerInterface;
use Stockbell\BackInStock\Model\Push\Pusher;
use Stockbell\BackInStock\Model\Push\Targets;

/**
 * Writes into the queue which products' stock may be another now.
 *
 * Called while stock is saved, and while shoppers check out: it makes no request, and never throws.
 */
class ChangedProducts
{
    public const TOPIC = 'stockbell.stock.changed';

    /**
     * Take the queue.
     *
     * @param PublisherInterface $publisher
     * @param Targets $targets
     * @param LoggerInterface $logger
     */
    public function __construct(
        private readonly PublisherInterface $publisher,
        private readonly Targets $targets,
        private readonly LoggerInterface $logger
    ) {
    }

    /**
     * Note products by SKU.
     *
     * @param string[] $skus
     * @return void
     */
    public function bySku(array $skus): void
    {
        $this->publish('skus', array_map('strval', $skus), []);
    }

    /**
     * Note products by id.
     *
     * @param int[] $ids
     * @param bool $withCatalog Whether titles and prices are told anew, too.
     * @return void
     */
    public function byId(array $ids, bool $withCatalog = false): void
    {
        $this->publish('ids', array_map('intval', $ids), ['catalog' => $withCatalog]);
    }

    /**
     * Write messages.
     *
     * @param string $name
     * @param array<int, int|string> $values
     * @param array<string, bool> $more
     * @return void
     */
    private function publish(string $name, array $values, array $more): void
    {
        $isSet = static fn (int|string $value): bool => $value !== '' && $value !== 0;
        $values = array_values(array_unique(array_filter($values, $isSet)));
        try {
            if (!$values || !$this->targets->exist()) {
                return;
            }
            foreach (array_chunk($values, Pusher::MOST_LEVELS) as $chunk) {
                $message = [$name => $chunk] + $more;
                $this->publisher->publish(
                    self::TOPIC,
                    json_encode($message, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE)
                );
            }
        } catch (\Throwable $error) {
            // The nightly push of everything makes up for it.
            $this->logger->error('Stockbell: a change of stock could not be queued.', ['exception' => $error]);
        }
    }
}
