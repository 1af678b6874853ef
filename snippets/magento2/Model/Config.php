<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model;

use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Store\Model\ScopeInterface;

/**
 * The settings of a store view.
 *
 * Address, key, color and radius go into pages and headers: what does not look like one counts as not set.
 */
class Config
{
    private const HOST = '#^https://[a-z0-9.-]+(:[0-9]{1,5})?$|^http://(localhost|127\.0\.0\.1)(:[0-9]{1,5})?$#Di';
    private const KEY = '/^[A-Za-z0-9_-]{1,100}$/D';
    private const COLOR = '/^#([0-9a-f]{3}|[0-9a-f]{6})$/Di';
    private const MOST_RADIUS = 50;

    /**
     * Take what reads settings.
     *
     * @param ScopeConfigInterface $settings
     */
    public function __construct(private readonly ScopeConfigInterface $settings)
    {
    }

    /**
     * Whether the button is shown, and everything that it needs is set.
     *
     * @param int|null $storeId Null is the current store view, here and below.
     * @return bool
     */
    public function isOn(?int $storeId = null): bool
    {
        return $this->flag('general/enabled', $storeId)
            && $this->host($storeId) !== ''
            && $this->publicKey($storeId) !== '';
    }

    /**
     * The origin of Stockbell, such as https://alerts.example.com.
     *
     * @param int|null $storeId
     * @return string Empty if not set.
     */
    public function host(?int $storeId = null): string
    {
        return self::hostFrom($this->text('general/host', $storeId));
    }

    /**
     * An origin out of what somebody typed.
     *
     * @param string $typed
     * @return string Empty if it is none.
     */
    public static function hostFrom(string $typed): string
    {
        $host = rtrim(trim($typed), '/');
        return preg_match(self::HOST, $host) === 1 ? strtolower($host) : '';
    }

    /**
     * The public key of the shop in Stockbell.
     *
     * @param int|null $storeId
     * @return string Empty if not set.
     */
    public function publicKey(?int $storeId = null): string
    {
        $key = $this->text('general/public_key', $storeId);
        return preg_match(self::KEY, $key) === 1 ? $key : '';
    }

    /**
     * Whether the form starts with the address of a signed-in customer.
     *
     * @param int|null $storeId
     * @return bool
     */
    public function fillsInEmail(?int $storeId = null): bool
    {
        return $this->flag('general/fill_in_email', $storeId);
    }

    /**
     * Whether the form opens in place, not in a dialog.
     *
     * @param int|null $storeId
     * @return bool
     */
    public function isInline(?int $storeId = null): bool
    {
        return $this->text('look/display', $storeId) === 'inline';
    }

    /**
     * Whether the button looks like the theme's own.
     *
     * @param int|null $storeId
     * @return bool
     */
    public function looksLikeTheme(?int $storeId = null): bool
    {
        return $this->flag('look/like_theme', $storeId);
    }

    /**
     * The accent color, such as #0b5d3b.
     *
     * @param int|null $storeId
     * @return string Empty if not set.
     */
    public function accent(?int $storeId = null): string
    {
        return self::colorFrom($this->text('look/accent', $storeId));
    }

    /**
     * A color out of what somebody typed.
     *
     * @param string $typed
     * @return string Empty if it is none.
     */
    public static function colorFrom(string $typed): string
    {
        $color = trim($typed);
        return preg_match(self::COLOR, $color) === 1 ? strtolower($color) : '';
    }

    /**
     * The radius of corners, in pixels.
     *
     * @param int|null $storeId
     * @return int|null Null if not set.
     */
    public function radius(?int $storeId = null): ?int
    {
        $text = $this->text('look/radius', $storeId);
        return ctype_digit($text) ? min((int)$text, self::MOST_RADIUS) : null;
    }

    /**
     * Whether category and search pages have buttons, too.
     *
     * @param int|null $storeId
     * @return bool
     */
    public function showsInLists(?int $storeId = null): bool
    {
        return $this->isOn($storeId) && $this->flag('look/lists', $storeId);
    }

    /**
     * Whether Stockbell is told about stock, and everything that this needs is set.
     *
     * @param int|null $storeId
     * @return bool
     */
    public function pushesStock(?int $storeId = null): bool
    {
        return $this->flag('push/stock', $storeId)
            && $this->host($storeId) !== ''
            && $this->apiKey($storeId) !== '';
    }

    /**
     * Whether Stockbell is told about the catalog.
     *
     * @param int|null $storeId
     * @return bool
     */
    public function pushesCatalog(?int $storeId = null): bool
    {
        return $this->flag('push/catalog', $storeId);
    }

    /**
     * The secret key of the API.
     *
     * @param int|null $storeId
     * @return string Empty if not set.
     */
    public function apiKey(?int $storeId = null): string
    {
        $key = $this->text('push/api_key', $storeId);
        // Nothing that could end the header it stands in.
        return preg_match('/^[\x21-\x7e]{1,500}$/D', $key) === 1 ? $key : '';
    }

    /**
     * Which stock counts.
     *
     * @param int|null $storeId
     * @return int|null Null: the one of the store view's website.
     */
    public function stockId(?int $storeId = null): ?int
    {
        $text = $this->text('push/stock_id', $storeId);
        return ctype_digit($text) ? (int)$text : null;
    }

    /**
     * Whether shoppers can see and choose what is sold out.
     *
     * @return bool
     */
    public function showsSoldOut(): bool
    {
        return $this->settings->isSetFlag('cataloginventory/options/show_out_of_stock');
    }

    /**
     * A setting that is yes or no.
     *
     * @param string $path
     * @param int|null $storeId
     * @return bool
     */
    private function flag(string $path, ?int $storeId): bool
    {
        return $this->settings->isSetFlag('stockbell/' . $path, ScopeInterface::SCOPE_STORE, $storeId);
    }

    /**
     * A setting, without the blanks around it.
     *
     * @param string $path
     * @param int|null $storeId
     * @return string
     */
    private function text(string $path, ?int $storeId): string
    {
        return trim((string)$this->settings->getValue('stockbell/' . $path, ScopeInterface::SCOPE_STORE, $storeId));
    }
}
