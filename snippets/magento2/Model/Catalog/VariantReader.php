<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Catalog;

use Magento\Catalog\Model\Product;
use Magento\Catalog\Model\ResourceModel\Product\Collection;
use Magento\Catalog\Model\ResourceModel\Product\CollectionFactory;
use Magento\CatalogInventory\Api\StockConfigurationInterface;
use Magento\Framework\App\Area;
use Magento\Store\Model\App\Emulation;
use Magento\Store\Model\StoreManagerInterface;
use Stockbell\BackInStock\Model\Product\VariantTitle;
use Stockbell\BackInStock\Model\Push\Target;

/**
 * What products are called, look like and cost, as Stockbell writes it into its messages.
 */
class VariantReader
{
    private const ATTRIBUTES = [
        'name', 'image', 'price', 'special_price', 'special_from_date', 'special_to_date', 'url_key', 'visibility',
    ];
    private const MOST_TITLE_CHARS = 500;
    private const MOST_NAME_CHARS = 255;
    private const MOST_URL_CHARS = 2048;
    private const MOST_COLLECTIONS = 50;

    /**
     * Take what reads products.
     *
     * @param CollectionFactory $collectionFactory
     * @param StockConfigurationInterface $stockConfiguration
     * @param ParentReader $parentReader
     * @param CategoryNames $categoryNames
     * @param VariantTitle $variantTitle
     * @param StoreManagerInterface $storeManager
     * @param Emulation $emulation
     */
    public function __construct(
        private readonly CollectionFactory $collectionFactory,
        private readonly StockConfigurationInterface $stockConfiguration,
        private readonly ParentReader $parentReader,
        private readonly CategoryNames $categoryNames,
        private readonly VariantTitle $variantTitle,
        private readonly StoreManagerInterface $storeManager,
        private readonly Emulation $emulation
    ) {
    }

    /**
     * Describe these products.
     *
     * @param int[] $ids
     * @param Target $target
     * @return array<int, array<string, mixed>> What `variants` of `PUT /api/v1/catalog/variants` holds. Products that
     *     have no stock of their own, or are not in the website, are left out.
     */
    public function read(array $ids, Target $target): array
    {
        // Addresses and prices are those of the store view.
        $this->emulation->startEnvironmentEmulation($target->storeId, Area::AREA_FRONTEND, true);
        try {
            return $this->describe($ids, $target);
        } finally {
            $this->emulation->stopEnvironmentEmulation();
        }
    }

    /**
     * Describe them, in the store view.
     *
     * @param int[] $ids
     * @param Target $target
     * @return array<int, array<string, mixed>>
     */
    private function describe(array $ids, Target $target): array
    {
        $parentIds = $this->parentReader->parentIds($ids);
        $parents = [];
        $codes = [];
        foreach ($parentIds ? $this->products(array_values($parentIds), [], $target) : [] as $parent) {
            $parents[(int)$parent->getId()] = $parent;
            if ($parent->getTypeId() === 'configurable') {
                $codes[(int)$parent->getId()] = $this->variantTitle->attributeCodes($parent);
            }
        }
        $variants = $this->products($ids, array_unique(array_merge([], ...array_values($codes))), $target);
        $currency = (string)$this->storeManager->getStore($target->storeId)->getBaseCurrencyCode();
        $names = $this->categoryNames->read($this->categoryIds([...$variants, ...$parents]), $target->storeId);
        $described = [];
        foreach ($variants as $variant) {
            if (!empty($this->stockConfiguration->getIsQtyTypeIds()[$variant->getTypeId()])) {
                $parentId = $parentIds[(int)$variant->getId()] ?? 0;
                $described[] = $this->one(
                    $variant,
                    $parents[$parentId] ?? null,
                    $codes[$parentId] ?? [],
                    $names
                ) + ['currency' => $currency];
            }
        }
        return $described;
    }

    /**
     * Describe one.
     *
     * @param Product $variant
     * @param Product|null $parent
     * @param array<int, string> $codes Of the attributes that it is chosen by.
     * @param array<int, string> $categoryNames
     * @return array<string, mixed>
     */
    private function one(Product $variant, ?Product $parent, array $codes, array $categoryNames): array
    {
        $isChosen = $parent !== null && $codes !== [];
        // The parts of a grouped product may have no page of their own; their names are theirs.
        $hasPage = !$isChosen && (int)$variant->getVisibility() !== Product\Visibility::VISIBILITY_NOT_VISIBLE;
        $page = $hasPage || $parent === null ? $variant : $parent;
        $price = $variant->getFinalPrice(1);
        return [
            'variant_id' => (string)$variant->getId(),
            'product_id' => (string)$page->getId(),
            'product_title' => $this->text((string)($isChosen ? $parent : $variant)->getName(), self::MOST_TITLE_CHARS)
                ?: (string)$variant->getSku(),
            'variant_title' => $this->text($this->variantTitle->of($variant, $codes), self::MOST_TITLE_CHARS),
            'url' => $this->url($page, $variant, $codes),
            'image_url' => $this->imageUrl($variant) ?: ($parent === null ? '' : $this->imageUrl($parent)),
            'price' => is_numeric($price) ? number_format((float)$price, 2, '.', '') : null,
            'collections' => $this->collections($page, $categoryNames),
        ];
    }

    /**
     * The page where this very variant can be bought. Magento chooses the options that stand behind the #.
     *
     * @param Product $page
     * @param Product $variant
     * @param array<int, string> $codes
     * @return string
     */
    private function url(Product $page, Product $variant, array $codes): string
    {
        $chosen = [];
        foreach ($codes as $attributeId => $code) {
            $chosen[$attributeId] = $variant->getData($code);
        }
        $options = http_build_query(array_filter($chosen));
        return substr($page->getProductUrl() . ($options ? '#' . $options : ''), 0, self::MOST_URL_CHARS);
    }

    /**
     * The address of the picture.
     *
     * @param Product $product
     * @return string Empty if there is none.
     */
    private function imageUrl(Product $product): string
    {
        $image = (string)$product->getData('image');
        if ($image === '' || $image === 'no_selection') {
            return '';
        }
        $url = (string)$product->getMediaConfig()->getMediaUrl($image);
        return strlen($url) <= self::MOST_URL_CHARS ? $url : '';
    }

    /**
     * The categories that products are in.
     *
     * @param Product[] $products
     * @return int[]
     */
    private function categoryIds(array $products): array
    {
        $ids = [];
        foreach ($products as $product) {
            $ids += array_flip(array_map('intval', (array)$product->getCategoryIds()));
        }
        return array_keys($ids);
    }

    /**
     * The names of a product's categories.
     *
     * @param Product $product
     * @param array<int, string> $categoryNames
     * @return string[]
     */
    private function collections(Product $product, array $categoryNames): array
    {
        $names = [];
        foreach ((array)$product->getCategoryIds() as $id) {
            $names[] = $this->text($categoryNames[(int)$id] ?? '', self::MOST_NAME_CHARS);
        }
        return array_slice(array_values(array_unique(array_filter($names))), 0, self::MOST_COLLECTIONS);
    }

    /**
     * Text that any program can read.
     *
     * @param string $text
     * @param int $mostChars
     * @return string
     */
    private function text(string $text, int $mostChars): string
    {
        $clean = (string)preg_replace('/[\x00-\x1f\x7f]+/', ' ', mb_scrub($text, 'UTF-8'));
        return mb_substr(trim($clean), 0, $mostChars, 'UTF-8');
    }

    /**
     * Read products.
     *
     * @param int[] $ids
     * @param string[] $codes
     * @param Target $target
     * @return Collection
     */
    private function products(array $ids, array $codes, Target $target): Collection
    {
        $collection = $this->collectionFactory->create();
        $collection->setFlag('has_stock_status_filter', true);
        $collection->setStoreId($target->storeId);
        $collection->addAttributeToSelect([...self::ATTRIBUTES, ...$codes]);
        $collection->addIdFilter($ids);
        $collection->addWebsiteFilter([$target->websiteId]);
        $collection->addUrlRewrite();
        $collection->load();
        $collection->addCategoryIds();
        return $collection;
    }
}
