<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Push;

use Magento\Framework\Exception\LocalizedException;
use Psr\Log\LoggerInterface;
use Stockbell\BackInStock\Model\Catalog\VariantReader;
use Stockbell\BackInStock\Model\Stock\LevelReader;

/**
 * Reads stock as it is now, and tells every shop in Stockbell.
 */
class Pusher
{
    /** As many as Stockbell takes at once. */
    public const MOST_LEVELS = 1000;
    /** Descriptions are long: these stay far below the 2 MB that Stockbell takes at once. */
    private const MOST_VARIANTS = 200;

    /**
     * Take what reads, and what sends.
     *
     * @param Targets $targets
     * @param LevelReader $levelReader
     * @param VariantReader $variantReader
     * @param Client $client
     * @param LoggerInterface $logger
     */
    public function __construct(
        private readonly Targets $targets,
        private readonly LevelReader $levelReader,
        private readonly VariantReader $variantReader,
        private readonly Client $client,
        private readonly LoggerInterface $logger
    ) {
    }

    /**
     * Tell about these products.
     *
     * @param int[] $ids
     * @param bool $withCatalog Also what is known already: titles and prices change, too.
     * @return Report
     * @throws LocalizedException
     */
    public function push(array $ids, bool $withCatalog = false): Report
    {
        $ids = array_values(array_unique(array_map('intval', $ids)));
        $report = new Report();
        foreach ($this->targets->all() as $target) {
            foreach (array_chunk($ids, self::MOST_LEVELS) as $chunk) {
                $introduction = new Report();
                if ($withCatalog && $target->withCatalog) {
                    $introduction = $this->introduce($chunk, $target);
                    $report->add($introduction);
                }
                // Who is away for the one is away for the other; the owed are told about later.
                if (!$introduction->owed) {
                    $report->add($this->pushStock($chunk, $target));
                }
            }
        }
        foreach ($report->problems as $problem) {
            $this->logger->warning('Stockbell: ' . $problem);
        }
        return $report;
    }

    /**
     * Tell one shop about stock, and about what it turns out not to know.
     *
     * @param int[] $ids
     * @param Target $target
     * @return Report
     */
    private function pushStock(array $ids, Target $target): Report
    {
        $report = $this->pushLevels($ids, $target);
        if ($report->unknown && $target->withCatalog) {
            $introduction = $this->introduce(array_map('intval', $report->unknown), $target);
            if ($introduction->introduced) {
                $second = $this->pushLevels(array_map('intval', $report->unknown), $target);
                $report->changed += $second->changed;
                $report->unknown = $second->unknown;
                $second->sent = $second->changed = 0;
                $report->add($second);
            }
            $report->add($introduction);
        }
        return $report;
    }

    /**
     * Send levels.
     *
     * @param int[] $ids At most 1,000.
     * @param Target $target
     * @return Report
     */
    private function pushLevels(array $ids, Target $target): Report
    {
        $report = new Report();
        $levels = $this->levelReader->read($ids, $target);
        if (!$levels) {
            return $report;
        }
        $answer = $this->client->put($target, '/api/v1/inventory', ['levels' => $levels]);
        if ($answer->isOk()) {
            $report->sent = count($levels);
            $report->changed = (int)($answer->body['changed'] ?? 0);
            // Such as products that were deleted: Stockbell was told in case it knew them.
            $report->unknown = array_map('strval', (array)($answer->body['unknown'] ?? []));
        } else {
            $this->fail($report, $ids, $target, $answer);
        }
        return $report;
    }

    /**
     * Tell a shop what variants are called, look like and cost. Says nothing about stock, which needs a time.
     *
     * @param int[] $ids
     * @param Target $target
     * @return Report
     */
    private function introduce(array $ids, Target $target): Report
    {
        $report = new Report();
        foreach (array_chunk($ids, self::MOST_VARIANTS) as $chunk) {
            $variants = $this->variantReader->read($chunk, $target);
            if (!$variants) {
                continue;
            }
            $answer = $this->client->put($target, '/api/v1/catalog/variants', ['variants' => $variants]);
            if ($answer->isOk()) {
                $report->introduced += count($variants);
            } elseif ($this->fail($report, $chunk, $target, $answer)) {
                $report->owed = $ids;
                break;
            }
        }
        return $report;
    }

    /**
     * Note that something was not taken, and whether to send it again later.
     *
     * @param Report $report
     * @param int[] $ids
     * @param Target $target
     * @param Answer $answer
     * @return bool Whether to send it again.
     */
    private function fail(Report $report, array $ids, Target $target, Answer $answer): bool
    {
        $words = '%d products could not be told to %s: %s';
        $report->problems[] = sprintf($words, count($ids), $target->host, $answer->problem);
        if ($answer->isCurable()) {
            $report->owed = $ids;
        }
        return $answer->isCurable();
    }
}
