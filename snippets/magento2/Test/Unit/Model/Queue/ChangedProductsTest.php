<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Test\Unit\Model\Queue;

use Magento\Framework\MessageQueue\PublisherInterface;
use PHPUnit\Framework\MockObject\MockObject;
use PHPUnit\Framework\TestCase;
use Psr\Log\LoggerInterface;
use Stockbell\BackInStock\Model\Push\Targets;
use Stockbell\BackInStock\Model\Queue\ChangedProducts;

/**
 * What happens while somebody saves stock or checks out.
 */
class ChangedProductsTest extends TestCase
{
    private PublisherInterface&MockObject $publisher;
    private Targets&MockObject $targets;
    private LoggerInterface&MockObject $logger;
    private ChangedProducts $changedProducts;

    protected function setUp(): void
    {
        $this->publisher = $this->createMock(PublisherInterface::class);
        $this->targets = $this->createMock(Targets::class);
        $this->logger = $this->createMock(LoggerInterface::class);
        $this->changedProducts = new ChangedProducts($this->publisher, $this->targets, $this->logger);
    }

    public function testEachProductIsQueuedOnce(): void
    {
        $this->targets->method('exist')->willReturn(true);
        $this->publisher->expects(self::once())->method('publish')
            ->with('stockbell.stock.changed', '{"skus":["A","0"]}');
        $this->changedProducts->bySku(['A', '0', 'A', '']);
    }

    public function testNothingIsQueuedWhileNobodyIsToBeTold(): void
    {
        $this->targets->method('exist')->willReturn(false);
        $this->publisher->expects(self::never())->method('publish');
        $this->changedProducts->byId([1, 2]);
    }

    public function testABrokenQueueIsLoggedAndNeverThrown(): void
    {
        $this->targets->method('exist')->willReturn(true);
        $this->publisher->method('publish')->willThrowException(new \RuntimeException('broken'));
        $this->logger->expects(self::once())->method('error');
        $this->changedProducts->byId([1]);
    }
}
