<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Push;

/**
 * What became of a push.
 */
class Report
{
    /** @var int Levels that Stockbell took. */
    public int $sent = 0;
    /** @var int Of these, how many were another than what it knew. */
    public int $changed = 0;
    /** @var int Variants that it did not know, and was told about. */
    public int $introduced = 0;
    /** @var string[] Ids that it does not know. */
    public array $unknown = [];
    /** @var int[] Ids that are to be sent again later. */
    public array $owed = [];
    /** @var string[] What went wrong, in words. */
    public array $problems = [];

    /**
     * Add what became of another part.
     *
     * @param Report $other
     * @return void
     */
    public function add(Report $other): void
    {
        $this->sent += $other->sent;
        $this->changed += $other->changed;
        $this->introduced += $other->introduced;
        $this->unknown = array_values(array_unique([...$this->unknown, ...$other->unknown]));
        $this->owed = array_values(array_unique([...$this->owed, ...$other->owed]));
        $this->problems = array_values(array_unique([...$this->problems, ...$other->problems]));
    }
}
