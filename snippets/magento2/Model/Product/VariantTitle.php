<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Product;

use Magento\Catalog\Model\Product;

/**
 * Names variants by what was chosen: "Red / M".
 */
class VariantTitle
{
    /**
     * The attributes that a configurable product is chosen by.
     *
     * @param Product $configurable
     * @return array<int, string> Codes by attribute id, in the page's order.
     */
    public function attributeCodes(Product $configurable): array
    {
        $codes = [];
        foreach ($configurable->getTypeInstance()->getConfigurableAttributes($configurable) as $attribute) {
            $of = $attribute->getProductAttribute();
            if ($of) {
                $codes[(int)$of->getId()] = (string)$of->getAttributeCode();
            }
        }
        return $codes;
    }

    /**
     * The title of a variant.
     *
     * @param Product $variant
     * @param string[] $codes Of the attributes that are chosen.
     * @return string Empty if the variant says none of them.
     */
    public function of(Product $variant, array $codes): string
    {
        $labels = [];
        foreach ($codes as $code) {
            $label = $variant->getData($code) === null ? '' : $variant->getAttributeText($code);
            if (is_string($label) && trim($label) !== '') {
                $labels[] = trim($label);
            }
        }
        return implode(' / ', $labels);
    }
}
