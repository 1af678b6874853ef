<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\ViewModel;

use Magento\Framework\View\Element\Block\ArgumentInterface;
use Stockbell\BackInStock\Model\Config;
use Stockbell\BackInStock\Model\Product\Notice;

/**
 * What the templates need to know.
 */
class Widget implements ArgumentInterface
{
    private const ADD_TO_CART = '#product-addtocart-button';
    private const SPECIMEN = '[data-stockbell-look]';

    /**
     * Take the settings.
     *
     * @param Config $config
     */
    public function __construct(private readonly Config $config)
    {
    }

    /**
     * Whether this store view has buttons.
     *
     * @return bool
     */
    public function isOn(): bool
    {
        return $this->config->isOn();
    }

    /**
     * Whether category and search pages have buttons.
     *
     * @return bool
     */
    public function isInLists(): bool
    {
        return $this->config->showsInLists();
    }

    /**
     * Whether the form starts with the address of a signed-in customer.
     *
     * @return bool
     */
    public function fillsInEmail(): bool
    {
        return $this->config->fillsInEmail();
    }

    /**
     * The address of the widget's script.
     *
     * @return string
     */
    public function scriptUrl(): string
    {
        return $this->config->host() . '/s/' . $this->config->publicKey() . '.js';
    }

    /**
     * The address of the form as a page of its own, for visitors without scripts.
     *
     * @param string $variantId
     * @return string
     */
    public function hostedUrl(string $variantId): string
    {
        return $this->config->host() . '/n/' . $this->config->publicKey() . '/' . rawurlencode($variantId);
    }

    /**
     * A rule for the page's styles. Holds nothing but a color and a number.
     *
     * @return string Empty if Stockbell's own settings count.
     */
    public function style(): string
    {
        $radius = $this->config->radius();
        $declarations = ($this->config->accent() ? '--stockbell-accent:' . $this->config->accent() . ';' : '')
            . ($radius === null ? '' : '--stockbell-radius:' . $radius . 'px;');
        return $declarations ? 'stockbell-notify{' . $declarations . '}' : '';
    }

    /**
     * Whether the page needs a button to copy the look from, because a sold-out product has no Add to Cart.
     *
     * @param Notice $notice
     * @return bool
     */
    public function needsSpecimen(Notice $notice): bool
    {
        return $this->config->looksLikeTheme() && !$notice->hasButtonToReplace();
    }

    /**
     * All attributes of the element.
     *
     * @param Notice $notice
     * @return array<string, string> Values by name.
     */
    public function attributes(Notice $notice): array
    {
        $attributes = $notice->attributes();
        if ($this->config->isInline()) {
            $attributes['display'] = 'inline';
        }
        if ($notice->hasButtonToReplace()) {
            $attributes['replaces'] = self::ADD_TO_CART;
        } elseif ($this->needsSpecimen($notice)) {
            $attributes['replaces'] = self::SPECIMEN;
        }
        if ($this->config->looksLikeTheme()) {
            $attributes['look'] = 'theme';
        }
        return $attributes;
    }
}
