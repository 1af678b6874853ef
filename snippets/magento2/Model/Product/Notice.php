<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Product;

/**
 * What a page says about a product that may be sold out. Nothing in it depends on who looks: it is cached.
 *
 * A variant is a simple product, and its id is the product ID: see the README for why not the SKU.
 */
class Notice
{
    /** One variant, and the page is about it. */
    private const ONE = 'one';
    /** The shopper chooses the variant on the page. */
    private const OPTIONS = 'options';
    /** The page has nothing to choose by: we bring a list of what is sold out. */
    private const CHOICES = 'choices';

    /**
     * Use one of the three below.
     *
     * @param string $kind
     * @param string $productId
     * @param string $productTitle
     * @param string $variantId
     * @param bool $isAvailable
     * @param string[] $soldOut
     * @param array<int|string, string> $choices
     * @param int[] $relatedIds
     */
    private function __construct(
        private readonly string $kind,
        public readonly string $productId,
        public readonly string $productTitle,
        public readonly string $variantId = '',
        public readonly bool $isAvailable = false,
        public readonly array $soldOut = [],
        public readonly array $choices = [],
        public readonly array $relatedIds = []
    ) {
    }

    /**
     * A product without options.
     *
     * @param int $productId
     * @param string $title
     * @param bool $isAvailable
     * @return self
     */
    public static function ofOne(int $productId, string $title, bool $isAvailable): self
    {
        return new self(self::ONE, (string)$productId, $title, (string)$productId, $isAvailable);
    }

    /**
     * A product whose variants the shopper chooses by the page's own options.
     *
     * @param int $productId
     * @param string $title
     * @param int[] $variantIds
     * @param int[] $soldOut
     * @return self
     */
    public static function ofOptions(int $productId, string $title, array $variantIds, array $soldOut): self
    {
        return new self(
            self::OPTIONS,
            (string)$productId,
            $title,
            soldOut: array_map('strval', $soldOut),
            relatedIds: $variantIds
        );
    }

    /**
     * A product whose page shows no options, because all or some of its parts are sold out.
     *
     * @param int $productId
     * @param string $title
     * @param array<int, string> $choices What is sold out: titles by id. With none, nothing is shown.
     * @param int[] $relatedIds All of its parts: when stock of one changes, the page does.
     * @return self
     */
    public static function ofChoices(int $productId, string $title, array $choices, array $relatedIds): self
    {
        return new self(self::CHOICES, (string)$productId, $title, choices: $choices, relatedIds: $relatedIds);
    }

    /**
     * Whether there is anything to show.
     *
     * @return bool
     */
    public function isShown(): bool
    {
        return $this->kind !== self::CHOICES || $this->choices !== [];
    }

    /**
     * Whether the page has an Add to Cart button for the variant in question.
     *
     * @return bool
     */
    public function hasButtonToReplace(): bool
    {
        return $this->kind === self::OPTIONS;
    }

    /**
     * The id of the list of what is sold out.
     *
     * @return string
     */
    public function choiceId(): string
    {
        return 'stockbell-choice-' . $this->productId;
    }

    /**
     * What the element is told about variants.
     *
     * @return array<string, string> Values of attributes by name.
     */
    public function attributes(): array
    {
        $attributes = ['product-id' => $this->productId, 'product-title' => $this->productTitle];
        return $attributes + match ($this->kind) {
            self::ONE => [
                'variant-id' => $this->variantId,
                'available' => $this->isAvailable ? 'true' : 'false',
            ],
            // What the page itself knows of the selection; our mixins say more, and say it better.
            self::OPTIONS => [
                'variant-field' => '[name="selected_configurable_option"]',
                'sold-out' => implode(' ', $this->soldOut),
            ],
            self::CHOICES => [
                'variant-field' => '#' . $this->choiceId(),
                'available' => 'false',
            ],
        };
    }

    /**
     * Which variants a visitor without scripts may ask for.
     *
     * @return array<int|string, string> Titles by id; an empty title: it goes without saying.
     */
    public function links(): array
    {
        if ($this->kind === self::ONE) {
            return $this->isAvailable ? [] : [$this->variantId => ''];
        }
        return $this->choices;
    }
}
