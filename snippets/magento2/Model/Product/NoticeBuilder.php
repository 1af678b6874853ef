<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Product;

use Magento\Catalog\Model\Product;
use Magento\Catalog\Model\Product\Attribute\Source\Status;
use Magento\CatalogInventory\Api\StockConfigurationInterface;

/**
 * Finds out what of a product is sold out.
 *
 * Asks Product::isAvailable(), as Magento's own "Out of stock" label does: MSI and the classic stock both answer by it.
 * (Not isSaleable(), which is also "no" where a shop hides its prices.)
 */
class NoticeBuilder
{
    private const CONFIGURABLE = 'configurable';
    private const GROUPED = 'grouped';

    /**
     * Take what knows which types have stock, and what names variants.
     *
     * @param StockConfigurationInterface $stockConfiguration
     * @param VariantTitle $variantTitle
     */
    public function __construct(
        private readonly StockConfigurationInterface $stockConfiguration,
        private readonly VariantTitle $variantTitle
    ) {
    }

    /**
     * The notice of a product.
     *
     * @param Product $product
     * @return Notice|null Null: a type that has no stock, such as a bundle.
     */
    public function build(Product $product): ?Notice
    {
        $type = (string)$product->getTypeId();
        if ($type === self::CONFIGURABLE) {
            return $product->isAvailable() ? $this->ofOptions($product) : $this->ofSoldOutConfigurable($product);
        }
        if ($type === self::GROUPED) {
            return $this->ofGrouped($product);
        }
        return $this->hasStock($type) ? $this->ofOne($product) : null;
    }

    /**
     * The notice of a product without options.
     *
     * @param Product $product
     * @return Notice
     */
    private function ofOne(Product $product): Notice
    {
        return Notice::ofOne((int)$product->getId(), (string)$product->getName(), (bool)$product->isAvailable());
    }

    /**
     * Whether products of a type have stock of their own.
     *
     * @param string $type
     * @return bool
     */
    public function hasStock(string $type): bool
    {
        return !empty($this->stockConfiguration->getIsQtyTypeIds()[$type]);
    }

    /**
     * Some variants can be bought: the page lets choose.
     *
     * @param Product $product
     * @return Notice
     */
    private function ofOptions(Product $product): Notice
    {
        $variantIds = [];
        $soldOut = [];
        foreach ($product->getTypeInstance()->getUsedProducts($product) as $variant) {
            $variantIds[] = (int)$variant->getId();
            if (!$variant->isAvailable()) {
                $soldOut[] = (int)$variant->getId();
            }
        }
        return Notice::ofOptions((int)$product->getId(), (string)$product->getName(), $variantIds, $soldOut);
    }

    /**
     * Nothing can be bought: Magento then shows no options at all, so we list the variants.
     *
     * @param Product $product
     * @return Notice
     */
    private function ofSoldOutConfigurable(Product $product): Notice
    {
        $codes = $this->variantTitle->attributeCodes($product);
        $variants = $product->getTypeInstance()->getUsedProductCollection($product)
            // Sold-out variants are left out otherwise where the shop does not display what is out of stock.
            ->setFlag('has_stock_status_filter', true)
            ->addStoreFilter($product->getStoreId())
            ->addAttributeToSelect([...$codes, 'name'])
            ->addAttributeToFilter('status', Status::STATUS_ENABLED);
        $choices = [];
        foreach ($variants as $variant) {
            $choices[(int)$variant->getId()] = $this->variantTitle->of($variant, $codes) ?: (string)$variant->getName();
        }
        return Notice::ofChoices(
            (int)$product->getId(),
            (string)$product->getName(),
            $choices,
            array_keys($choices)
        );
    }

    /**
     * A page that sells several products: we list those that are sold out.
     *
     * @param Product $product
     * @return Notice
     */
    private function ofGrouped(Product $product): Notice
    {
        $choices = [];
        $ids = [];
        foreach ($product->getTypeInstance()->getAssociatedProducts($product) as $part) {
            $ids[] = (int)$part->getId();
            if (!$part->isAvailable() && $this->hasStock((string)$part->getTypeId())) {
                $choices[(int)$part->getId()] = (string)$part->getName();
            }
        }
        return Notice::ofChoices((int)$product->getId(), (string)$product->getName(), $choices, $ids);
    }
}
