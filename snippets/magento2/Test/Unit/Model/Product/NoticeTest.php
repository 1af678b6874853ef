<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Test\Unit\Model\Product;

use PHPUnit\Framework\TestCase;
use Stockbell\BackInStock\Model\Product\Notice;

/**
 * What the page's element is told.
 */
class NoticeTest extends TestCase
{
    public function testOneProductNamesItsVariant(): void
    {
        $notice = Notice::ofOne(7, 'Mug', false);
        self::assertSame('7', $notice->attributes()['variant-id']);
        self::assertSame('false', $notice->attributes()['available']);
        self::assertSame(['7' => ''], array_map('strval', $notice->links()));
        self::assertFalse($notice->hasButtonToReplace());
    }

    public function testOptionsListWhatIsSoldOut(): void
    {
        $notice = Notice::ofOptions(30, 'Shirt', [31, 32, 33], [32, 33]);
        self::assertSame('32 33', $notice->attributes()['sold-out']);
        self::assertArrayNotHasKey('available', $notice->attributes());
        self::assertTrue($notice->hasButtonToReplace());
    }

    public function testWithNothingToChooseNothingIsShown(): void
    {
        self::assertFalse(Notice::ofChoices(40, 'Set', [], [41, 42])->isShown());
        self::assertTrue(Notice::ofChoices(40, 'Set', [41 => 'Cup'], [41, 42])->isShown());
    }
}
