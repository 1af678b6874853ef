<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Stock;

use Stockbell\BackInStock\Model\Push\Target;

/**
 * Reads how much of products can be bought.
 */
interface QuantityReaderInterface
{
    /**
     * Read quantities.
     *
     * @param array<int, string> $skus By product id.
     * @param Target $target
     * @return array<int, float|int|null> By product id. Null: without limit.
     */
    public function read(array $skus, Target $target): array;
}
