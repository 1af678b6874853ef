<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model;

use Magento\Catalog\Model\Product;
use Magento\Catalog\Model\Product\Attribute\Source\Status;
use Magento\Catalog\Model\Product\Visibility;
use Magento\Catalog\Model\ResourceModel\Product\CollectionFactory;
use Magento\Framework\App\Area;
use Magento\Framework\App\ResourceConnection;
use Magento\Store\Api\Data\StoreInterface;
use Magento\Store\Model\App\Emulation;
use Magento\Store\Model\StoreManagerInterface;
use Stockbell\BackInStock\Model\Push\Answer;
use Stockbell\BackInStock\Model\Push\Client;
use Stockbell\BackInStock\Model\Push\Owed;
use Stockbell\BackInStock\Model\Push\Target;
use Stockbell\BackInStock\Model\Push\Targets;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * "Is it working on my shop?"
 *
 * A finding is an array: `ok` (true, false, or null for a remark) and `words`.
 */
class Check
{
    private const SAMPLE = 200;
    private const QUEUED_MINUTES = 15;
    /** Status "new" of a message of Magento's queue. */
    private const QUEUED = 2;

    /**
     * Take everything that is looked at.
     *
     * @param Config $config
     * @param StoreManagerInterface $storeManager
     * @param Targets $targets
     * @param Client $client
     * @param Owed $owed
     * @param CollectionFactory $collectionFactory
     * @param Emulation $emulation
     * @param ResourceConnection $resource
     */
    public function __construct(
        private readonly Config $config,
        private readonly StoreManagerInterface $storeManager,
        private readonly Targets $targets,
        private readonly Client $client,
        private readonly Owed $owed,
        private readonly CollectionFactory $collectionFactory,
        private readonly Emulation $emulation,
        private readonly ResourceConnection $resource
    ) {
    }

    /**
     * Look at every store view, at the pushing of stock, and at the queue.
     *
     * @return \Generator<int, array{ok: bool|null, words: string}>
     */
    public function run(): \Generator
    {
        $isUsed = false;
        foreach ($this->storeManager->getStores() as $store) {
            if ($store->getIsActive() && $this->config->isOn((int)$store->getId())) {
                $isUsed = true;
                yield from $this->storefront($store);
            }
        }
        if (!$isUsed) {
            yield $this->finding(false, 'No store view has the button on, with address and public key.');
        }
        if (!$this->config->showsSoldOut()) {
            yield $this->finding(null, 'Sold-out variants cannot be chosen: "Display Out of Stock Products" is off.');
        }
        $targets = $this->targets->all();
        foreach ($targets as $target) {
            yield $this->key($target);
        }
        if (!$targets) {
            yield $this->finding(null, 'No stock is pushed: Stockbell must learn of it in another way.');
            return;
        }
        yield $this->queue();
        $owed = $this->owed->count();
        yield $this->finding($owed === 0, $owed . ' products are still to be told to Stockbell after a failure.');
    }

    /**
     * Look at a store view as a shopper's browser does.
     *
     * @param StoreInterface $store
     * @return \Generator<int, array{ok: bool|null, words: string}>
     */
    private function storefront(StoreInterface $store): \Generator
    {
        $storeId = (int)$store->getId();
        $name = $store->getCode() . ': ';
        $script = $this->config->host($storeId) . '/s/' . $this->config->publicKey($storeId) . '.js';
        $answer = $this->client->get($script);
        yield $this->finding($answer->isOk(), $name . $script . $this->outcome($answer));
        if (!$answer->isOk()) {
            return;
        }
        [$sample, $url] = $this->sample($storeId, (int)$store->getWebsiteId());
        if ($sample === null) {
            yield $this->finding(null, $name . 'there is no product to look at.');
            return;
        }
        $page = $this->client->get($url);
        $hasElement = str_contains($page->text, '<stockbell-notify');
        $hasScript = str_contains(html_entity_decode($page->text), $script);
        $words = match (true) {
            !$page->isOk() => $this->outcome($page),
            !$hasElement => ' does not carry the element: is the cache flushed, and does the theme have a container'
                . ' product.info.main?',
            !$hasScript => ' does not carry the script: does the theme have head.additional?',
            default => ' carries the button and its script.',
        };
        yield $this->finding($page->isOk() && $hasElement && $hasScript, $name . $url . $words);
        yield $this->variant($store, $sample);
    }

    /**
     * Look whether Stockbell knows a variant, and lets the shop's pages in.
     *
     * @param StoreInterface $store
     * @param Product $product
     * @return array{ok: bool|null, words: string}
     */
    private function variant(StoreInterface $store, Product $product): array
    {
        $storeId = (int)$store->getId();
        $parts = parse_url((string)$store->getBaseUrl());
        $port = isset($parts['port']) ? ':' . $parts['port'] : '';
        $origin = ($parts['scheme'] ?? 'https') . '://' . ($parts['host'] ?? '') . $port;
        $answer = $this->client->get(
            $this->config->host($storeId) . '/api/v1/storefront/' . $this->config->publicKey($storeId)
            . '/variants/' . (int)$product->getId(),
            ['Origin' => $origin]
        );
        $words = match ($answer->status) {
            200 => ' is known to Stockbell, and pages of ' . $origin . ' may ask about it.',
            403 => ' could not be asked about: add ' . $origin . ' to the shop in Stockbell.',
            404 => ' is not known to Stockbell: run stockbell:push-stock, or look at the ids of your feed.',
            default => $this->outcome($answer),
        };
        return $this->finding($answer->isOk(), $store->getCode() . ': variant ' . (int)$product->getId() . $words);
    }

    /**
     * Look whether Stockbell takes the secret key.
     *
     * @param Target $target
     * @return array{ok: bool|null, words: string}
     */
    private function key(Target $target): array
    {
        $answer = $this->client->get($target->host . '/api/v1/settings', $this->client->credentials($target));
        $stock = $target->stockId === null ? 'the classic stock' : 'stock ' . $target->stockId;
        $words = $answer->isOk() ? ' accepts the API key; it is told about ' . $stock . '.' : $this->outcome($answer);
        return $this->finding($answer->isOk(), $target->host . $words);
    }

    /**
     * Look whether the queue moves.
     *
     * @return array{ok: bool|null, words: string}
     */
    private function queue(): array
    {
        $connection = $this->resource->getConnection();
        $select = $connection->select()
            ->from(['status' => $this->resource->getTableName('queue_message_status')], ['count' => 'COUNT(*)'])
            ->join(['queue' => $this->resource->getTableName('queue')], 'queue.id = status.queue_id', [])
            ->where('queue.name = ?', ChangedProducts::TOPIC)
            ->where('status.status = ?', self::QUEUED)
            ->where('status.updated_at < NOW() - INTERVAL ' . self::QUEUED_MINUTES . ' MINUTE');
        $late = (int)$connection->fetchOne($select);
        $words = $late === 0
            ? 'No message waits in the queue for more than ' . self::QUEUED_MINUTES . ' minutes.'
            : $late . ' messages wait in the queue for more than ' . self::QUEUED_MINUTES . ' minutes: is cron running,'
                . ' and does it start the consumer ' . ChangedProducts::TOPIC . '?';
        return $this->finding($late === 0, $words);
    }

    /**
     * A product to look at: a sold-out one, else any.
     *
     * @param int $storeId
     * @param int $websiteId
     * @return array{0: Product|null, 1: string} The product and its address.
     */
    private function sample(int $storeId, int $websiteId): array
    {
        $this->emulation->startEnvironmentEmulation($storeId, Area::AREA_FRONTEND, true);
        try {
            $collection = $this->collectionFactory->create();
            $collection->setStoreId($storeId);
            $collection->addAttributeToSelect(['name', 'url_key', 'status']);
            $collection->addAttributeToFilter('type_id', ['in' => ['simple', 'virtual', 'downloadable']]);
            $collection->addAttributeToFilter('status', Status::STATUS_ENABLED);
            $collection->addAttributeToFilter('visibility', ['neq' => Visibility::VISIBILITY_NOT_VISIBLE]);
            $collection->addWebsiteFilter([$websiteId]);
            $collection->addUrlRewrite();
            $collection->setPageSize(self::SAMPLE);
            $sample = null;
            foreach ($collection as $product) {
                $sample ??= $product;
                if (!$product->isAvailable()) {
                    $sample = $product;
                    break;
                }
            }
            return [$sample, $sample === null ? '' : (string)$sample->getProductUrl()];
        } finally {
            $this->emulation->stopEnvironmentEmulation();
        }
    }

    /**
     * What came of a request, to be put behind its address.
     *
     * @param Answer $answer
     * @return string
     */
    private function outcome(Answer $answer): string
    {
        return $answer->isOk() ? ' answers.' : ' does not answer as it should: ' . $answer->problem;
    }

    /**
     * A finding.
     *
     * @param bool|null $ok
     * @param string $words
     * @return array{ok: bool|null, words: string}
     */
    private function finding(?bool $ok, string $words): array
    {
        return ['ok' => $ok, 'words' => $words];
    }
}
