<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Push;

use Magento\Framework\FlagManager;
use Magento\Framework\Lock\LockManagerInterface;

/**
 * Products that Stockbell could not be told about while it was away.
 *
 * Only their ids: stock is read anew when it is sent.
 */
class Owed
{
    public const FLAG = 'stockbell_owed';
    private const LOCK = 'stockbell_owed';
    private const LOCK_SECONDS = 10;
    /** With more, the nightly push of everything is left to tell about the rest. */
    private const MOST = 20000;

    /**
     * Take where it is written down.
     *
     * @param FlagManager $flags
     * @param LockManagerInterface $locks
     */
    public function __construct(private readonly FlagManager $flags, private readonly LockManagerInterface $locks)
    {
    }

    /**
     * Write some down.
     *
     * @param int[] $ids
     * @return void
     */
    public function add(array $ids): void
    {
        if ($ids) {
            $this->alone(function () use ($ids): void {
                $all = array_values(array_unique([...$this->written(), ...array_map('intval', $ids)]));
                $this->flags->saveFlag(self::FLAG, array_slice($all, 0, self::MOST));
            });
        }
    }

    /**
     * Take all, and forget them.
     *
     * @return int[]
     */
    public function take(): array
    {
        $ids = [];
        $this->alone(function () use (&$ids): void {
            $ids = $this->written();
            if ($ids) {
                $this->flags->deleteFlag(self::FLAG);
            }
        });
        return $ids;
    }

    /**
     * How many there are.
     *
     * @return int
     */
    public function count(): int
    {
        return count($this->written());
    }

    /**
     * What is written down.
     *
     * @return int[]
     */
    private function written(): array
    {
        $written = $this->flags->getFlagData(self::FLAG);
        return is_array($written) ? array_map('intval', array_values($written)) : [];
    }

    /**
     * Do something while nobody else writes. Without the lock it is done as well: better twice than never.
     *
     * @param \Closure $work
     * @return void
     */
    private function alone(\Closure $work): void
    {
        $isLocked = $this->locks->setLock(self::LOCK, self::LOCK_SECONDS);
        try {
            $work();
        } finally {
            if ($isLocked) {
                $this->locks->releaseLock(self::LOCK);
            }
        }
    }
}
