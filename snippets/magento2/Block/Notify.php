<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Block;

use Magento\Catalog\Helper\Data as CatalogHelper;
use Magento\Catalog\Model\Product;
use Magento\Framework\DataObject\IdentityInterface;
use Magento\Framework\View\Element\Template;
use Magento\Framework\View\Element\Template\Context;
use Stockbell\BackInStock\Model\Product\Notice;
use Stockbell\BackInStock\Model\Product\NoticeBuilder;
use Stockbell\BackInStock\ViewModel\Widget;

/**
 * "Notify me when available" of one product.
 *
 * The page stays in the full-page cache: it is thrown away when stock of the product, or of one of its variants,
 * changes.
 */
class Notify extends Template implements IdentityInterface
{
    /**
     * @var Notice|null|false False: not asked yet.
     */
    private Notice|null|false $notice = false;

    /**
     * Take what finds the page's product, and what is sold out of it.
     *
     * @param Context $context
     * @param CatalogHelper $catalogHelper
     * @param NoticeBuilder $noticeBuilder
     * @param Widget $widget
     * @param array $data
     */
    public function __construct(
        Context $context,
        private readonly CatalogHelper $catalogHelper,
        private readonly NoticeBuilder $noticeBuilder,
        private readonly Widget $widget,
        array $data = []
    ) {
        parent::__construct($context, $data);
    }

    /**
     * The product that this is about: the one that was given, else the page's.
     *
     * @return Product|null
     */
    public function getProduct(): ?Product
    {
        return $this->getData('product') ?? $this->catalogHelper->getProduct();
    }

    /**
     * What to show about the product.
     *
     * @return Notice|null
     */
    public function getNotice(): ?Notice
    {
        if ($this->notice === false) {
            $product = $this->getProduct();
            $this->notice = $product && $this->widget->isOn() ? $this->noticeBuilder->build($product) : null;
        }
        return $this->notice;
    }

    /**
     * What the templates need to know.
     *
     * @return Widget
     */
    public function getWidget(): Widget
    {
        return $this->widget;
    }

    /**
     * The cache tags of the product and of its variants.
     *
     * @return string[]
     */
    public function getIdentities(): array
    {
        $notice = $this->getNotice();
        if ($notice === null) {
            return [];
        }
        $tags = $this->getProduct()->getIdentities();
        foreach ($notice->relatedIds as $id) {
            $tags[] = Product::CACHE_TAG . '_' . $id;
        }
        return array_values(array_unique($tags));
    }

    /**
     * Show nothing where there is nothing to say.
     *
     * @return string
     */
    protected function _toHtml()
    {
        return $this->getNotice()?->isShown() ? parent::_toHtml() : '';
    }
}
