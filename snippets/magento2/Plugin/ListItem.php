<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Plugin;

use Magento\Catalog\Block\Product\ListProduct;
use Magento\Catalog\Model\Product;
use Stockbell\BackInStock\Block\Notify;
use Stockbell\BackInStock\Model\Product\NoticeBuilder;
use Stockbell\BackInStock\ViewModel\Widget;

/**
 * Puts the button under sold-out products of category and search pages.
 */
class ListItem
{
    /**
     * Take what knows whether to.
     *
     * @param Widget $widget
     * @param NoticeBuilder $noticeBuilder
     */
    public function __construct(private readonly Widget $widget, private readonly NoticeBuilder $noticeBuilder)
    {
    }

    /**
     * Add it to the details of a product that has no options; the others are chosen on their own page.
     *
     * @param ListProduct $subject
     * @param mixed $result
     * @param Product $product
     * @return string
     */
    public function afterGetProductDetailsHtml(ListProduct $subject, $result, Product $product): string
    {
        $html = (string)$result;
        if ($this->widget->isInLists()
            && $this->noticeBuilder->hasStock((string)$product->getTypeId())
            && !$product->isAvailable()
        ) {
            $block = $subject->getLayout()->createBlock(Notify::class, '', ['data' => ['product' => $product]]);
            $html .= $block->setTemplate('Stockbell_BackInStock::notify.phtml')->toHtml();
        }
        return $html;
    }
}
