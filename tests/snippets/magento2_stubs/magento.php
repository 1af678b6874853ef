<?php
/**
 * Small imitations of Magento's classes, written after how they behave; none of Magento's code is in here.
 */
declare(strict_types=1);

namespace Magento\Framework {
    class Phrase
    {
        public function __construct(private string $text, private array $values)
        {
        }

        public function __toString(): string
        {
            foreach (array_values($this->values) as $at => $value) {
                $this->text = str_replace('%' . ($at + 1), (string)$value, $this->text);
            }
            return $this->text;
        }
    }

    class Escaper
    {
        public function escapeHtml(mixed $text): string
        {
            return htmlspecialchars((string)$text, ENT_QUOTES | ENT_SUBSTITUTE, 'UTF-8', false);
        }

        public function escapeHtmlAttr(mixed $text): string
        {
            $hex = static fn (array $found): string => sprintf('&#x%02X;', mb_ord($found[0], 'UTF-8'));
            return (string)preg_replace_callback('/[^a-z0-9,._-]/iSu', $hex, (string)$text);
        }

        public function escapeUrl(string $url): string
        {
            return $this->escapeHtml(preg_replace('/(javascript|vbscript|data):/i', ':', $url));
        }
    }

    class FlagManager
    {
        public array $flags = [];

        public function getFlagData(string $code): mixed
        {
            return $this->flags[$code] ?? null;
        }

        public function saveFlag(string $code, mixed $value): bool
        {
            $this->flags[$code] = $value;
            return true;
        }

        public function deleteFlag(string $code): bool
        {
            unset($this->flags[$code]);
            return true;
        }
    }
}

namespace Magento\Framework\Exception {
    class LocalizedException extends \Exception
    {
        public function __construct(\Magento\Framework\Phrase $phrase)
        {
            parent::__construct((string)$phrase);
        }
    }
}

namespace Magento\Framework\App {
    class Area
    {
        public const AREA_FRONTEND = 'frontend';
        public const AREA_CRONTAB = 'crontab';
    }
}

namespace Magento\Framework\App\Config {
    interface ScopeConfigInterface
    {
    }

    /** Settings by path; a store view's own stand under "store/ID/path". */
    class Settings implements ScopeConfigInterface
    {
        public function __construct(private array $settings)
        {
        }

        public function getValue(string $path, string $scope = 'default', mixed $store = null): mixed
        {
            return $this->settings["store/$store/$path"] ?? $this->settings[$path] ?? null;
        }

        public function isSetFlag(string $path, string $scope = 'default', mixed $store = null): bool
        {
            return (bool)$this->getValue($path, $scope, $store);
        }
    }

    class Value
    {
        public function __construct(private mixed $value = null)
        {
        }

        public function getValue(): mixed
        {
            return $this->value;
        }

        public function setValue(mixed $value): static
        {
            $this->value = $value;
            return $this;
        }

        public function beforeSave()
        {
            return $this;
        }
    }
}

namespace Magento\Store\Model {
    interface ScopeInterface
    {
        public const SCOPE_STORE = 'store';
    }

    interface StoreManagerInterface
    {
    }

    class Store implements \Magento\Store\Api\Data\StoreInterface
    {
        public function __construct(private array $data)
        {
        }

        public function __call(string $name, array $arguments): mixed
        {
            return $this->data[lcfirst(substr($name, 3))] ?? null;
        }
    }

    class Stores implements StoreManagerInterface
    {
        public function __construct(private array $stores)
        {
        }

        public function getStores(): array
        {
            return array_map(static fn (array $store): Store => new Store($store), $this->stores);
        }

        public function getStore(mixed $id): Store
        {
            return new Store(array_column($this->stores, null, 'id')[$id]);
        }

        public function getWebsite(mixed $id): Store
        {
            return new Store(['id' => $id, 'code' => 'website' . $id]);
        }
    }
}

namespace Magento\Framework\Serialize\Serializer {
    class Json
    {
        public function serialize(mixed $data): string
        {
            $json = json_encode($data);
            if ($json === false) {
                throw new \InvalidArgumentException('Unable to serialize value.');
            }
            return $json;
        }

        public function unserialize(string $json): mixed
        {
            $data = json_decode($json, true);
            if (json_last_error() !== JSON_ERROR_NONE) {
                throw new \InvalidArgumentException('Unable to unserialize value.');
            }
            return $data;
        }
    }
}

namespace Magento\Framework\HTTP\Client {
    /** As Magento's: options of the caller last, no redirects, the first header line is the status. */
    class Curl
    {
        private array $headers = [];
        private array $options = [];
        private array $answered = [];
        private int $status = 0;
        private int $lines = 0;
        private int $timeout = 300;
        private string $body = '';

        public function setTimeout(int $seconds): void
        {
            $this->timeout = $seconds;
        }

        public function setOption(int $name, mixed $value): void
        {
            $this->options[$name] = $value;
        }

        public function setHeaders(array $headers): void
        {
            $this->headers = $headers;
        }

        public function addHeader(string $name, string $value): void
        {
            $this->headers[$name] = $value;
        }

        public function get(string $url): void
        {
            $this->request($url, [CURLOPT_HTTPGET => 1]);
        }

        public function post(string $url, string $content): void
        {
            $this->request($url, [CURLOPT_POSTFIELDS => $content, CURLOPT_POST => 1]);
        }

        public function getStatus(): int
        {
            return $this->status;
        }

        public function getBody(): string
        {
            return $this->body;
        }

        public function getHeaders(): array
        {
            return $this->answered;
        }

        private function request(string $url, array $options): void
        {
            $lines = [];
            foreach ($this->headers as $name => $value) {
                $lines[] = $name . ': ' . $value;
            }
            $curl = curl_init();
            curl_setopt_array($curl, $options + [
                CURLOPT_URL => $url,
                CURLOPT_HTTPHEADER => $lines,
                CURLOPT_TIMEOUT => $this->timeout,
                CURLOPT_RETURNTRANSFER => 1,
                CURLOPT_HEADERFUNCTION => function ($curl, string $line): int {
                    if ($this->lines++ === 0) {
                        $this->status = (int)explode(' ', $line)[1];
                    } elseif (str_contains($line, ': ')) {
                        [$name, $value] = explode(': ', trim($line), 2);
                        $this->answered[$name] = $value;
                    }
                    return strlen($line);
                },
            ]);
            foreach ($this->options as $name => $value) {
                curl_setopt($curl, $name, $value);
            }
            $this->body = (string)curl_exec($curl);
            if (curl_errno($curl)) {
                throw new \Exception(curl_error($curl));
            }
        }
    }

    class CurlFactory
    {
        public function create(): Curl
        {
            return new Curl();
        }
    }
}

namespace Magento\Framework\MessageQueue {
    interface PublisherInterface
    {
    }

    class Published implements PublisherInterface
    {
        public array $messages = [];
        public bool $isBroken = false;

        public function publish(string $topic, string $message): void
        {
            if ($this->isBroken) {
                throw new \RuntimeException('The queue is broken');
            }
            $this->messages[] = [$topic, json_decode($message, true)];
        }
    }
}

namespace Magento\Framework\Lock {
    interface LockManagerInterface
    {
    }

    class Locks implements LockManagerInterface
    {
        public function setLock(string $name, int $timeout): bool
        {
            return true;
        }

        public function releaseLock(string $name): bool
        {
            return true;
        }
    }
}

namespace Psr\Log {
    interface LoggerInterface
    {
    }

    class Log implements LoggerInterface
    {
        public array $lines = [];

        public function __call(string $level, array $arguments): void
        {
            $this->lines[] = $level . ': ' . $arguments[0];
            if (isset($arguments[1]['exception'])) {
                $this->lines[] = $arguments[1]['exception']->getMessage();
            }
        }
    }
}

namespace Magento\Framework\DataObject {
    interface IdentityInterface
    {
    }
}

namespace Magento\Framework\View\Helper {
    class SecureHtmlRenderer
    {
        public function renderTag(string $tag, array $attributes, ?string $content, bool $isText = true): string
        {
            return "<$tag>$content</$tag>";
        }
    }
}

namespace Magento\Framework\View\Element\Template {
    class Context
    {
    }
}

namespace Magento\Framework\View\Element\Block {
    interface ArgumentInterface
    {
    }
}

namespace Magento\Framework\View\Element {
    class Template
    {
        protected string $template = '';

        public function __construct(Template\Context $context, protected array $data = [])
        {
        }

        public function getData(string $name): mixed
        {
            return $this->data[$name] ?? null;
        }

        public function setTemplate(string $template): static
        {
            $this->template = $template;
            return $this;
        }

        public function toHtml(): string
        {
            return $this->_toHtml();
        }

        protected function _toHtml()
        {
            $file = MODULE . '/view/frontend/templates/' . explode('::', $this->template)[1];
            $render = static function (string $file, object $block): string {
                $escaper = new \Magento\Framework\Escaper();
                $secureRenderer = new \Magento\Framework\View\Helper\SecureHtmlRenderer();
                ob_start();
                require $file;
                return (string)ob_get_clean();
            };
            return $render($file, $this);
        }
    }
}

namespace Magento\Csp\Model\Policy {
    class FetchPolicy
    {
        public function __construct(public string $id, public bool $none, public array $hosts)
        {
        }
    }
}

namespace Magento\Csp\Api {
    interface PolicyCollectorInterface
    {
    }
}

namespace Magento\CatalogInventory\Api {
    interface StockConfigurationInterface
    {
    }

    interface StockRegistryInterface
    {
    }

    class Types implements StockConfigurationInterface
    {
        public function getIsQtyTypeIds(): array
        {
            return [
                'simple' => true, 'virtual' => true, 'downloadable' => true,
                'configurable' => false, 'grouped' => false, 'bundle' => false,
            ];
        }
    }

    class ClassicStock implements StockRegistryInterface
    {
        public function getStockItem(int $id, int $websiteId): object
        {
            return \Magento\Catalog\Model\Product::byId($id)->stockItem();
        }
    }
}

namespace Magento\CatalogInventory\Model {
    class StockRegistryStorage
    {
        public static array $forgotten = [];

        public function clean(): void
        {
            self::$forgotten[] = 'everything';
        }
    }
}

namespace Magento\Catalog\Model\Product {
    class Visibility
    {
        public const VISIBILITY_NOT_VISIBLE = 1;
    }
}

namespace Magento\Catalog\Model\Product\Attribute\Source {
    class Status
    {
        public const STATUS_ENABLED = 1;
    }
}

namespace Magento\Catalog\Model {
    /** A product of world()["products"]. */
    class Product
    {
        public const CACHE_TAG = 'cat_p';

        public function __construct(private array $data)
        {
        }

        public static function byId(int $id): ?self
        {
            $data = array_column(world()['products'], null, 'id')[$id] ?? null;
            return $data === null ? null : new self($data);
        }

        public function getData(string $name): mixed
        {
            return $this->data[$name] ?? null;
        }

        public function __call(string $name, array $arguments): mixed
        {
            $key = strtolower((string)preg_replace('/(?<!^)[A-Z]/', '_$0', lcfirst(substr($name, 3))));
            $hex = $this->data[$key . '_hex'] ?? null;
            return $hex === null ? $this->data[$key] ?? null : hex2bin($hex);
        }

        public function getStatus(): int
        {
            return $this->data['status'] ?? 1;
        }

        public function getVisibility(): int
        {
            return $this->data['visibility'] ?? 4;
        }

        public function isAvailable(): bool
        {
            return $this->data['available'];
        }

        public function getAttributeText(string $code): string
        {
            return $this->data['texts'][$code] ?? '';
        }

        public function getIdentities(): array
        {
            return ['cat_p_' . $this->data['id']];
        }

        public function getFinalPrice(int $quantity): mixed
        {
            return $this->data['price'] ?? null;
        }

        public function getProductUrl(): string
        {
            return $this->data['url'] ?? 'https://shop.example/product-' . $this->data['id'] . '.html';
        }

        public function getMediaConfig(): object
        {
            return new class {
                public function getMediaUrl(string $file): string
                {
                    return 'https://shop.example/media/catalog/product' . $file;
                }
            };
        }

        public function getTypeInstance(): object
        {
            return new ProductType($this->data);
        }

        public function stockItem(): object
        {
            return new class ($this->data) {
                public function __construct(private array $data)
                {
                }

                public function __call(string $name, array $arguments): mixed
                {
                    $stock = ($this->data['stock'] ?? []) + ['ManageStock' => true, 'IsInStock' => true, 'Qty' => 0.0];
                    return $stock[substr($name, 3)] ?? 0;
                }
            };
        }
    }

    class ProductType
    {
        public function __construct(private array $data)
        {
        }

        public function getUsedProducts(): array
        {
            return array_map([Product::class, 'byId'], $this->data['children'] ?? []);
        }

        public function getAssociatedProducts(): array
        {
            return $this->getUsedProducts();
        }

        public function getUsedProductCollection(): ResourceModel\Product\Collection
        {
            return (new ResourceModel\Product\Collection())->addIdFilter($this->data['children'] ?? []);
        }

        public function getConfigurableAttributes(): array
        {
            $attributes = [];
            foreach ($this->data['attributes'] ?? [] as $id => $code) {
                $attributes[] = new class ((int)$id, $code) {
                    public function __construct(private int $id, private string $code)
                    {
                    }

                    public function getProductAttribute(): static
                    {
                        return $this;
                    }

                    public function getId(): int
                    {
                        return $this->id;
                    }

                    public function getAttributeCode(): string
                    {
                        return $this->code;
                    }
                };
            }
            return $attributes;
        }
    }
}

namespace Magento\Catalog\Model\ResourceModel\Product {
    /** Filters by id, type, status and website; without the flag, what is sold out is left out as Magento does. */
    class Collection implements \IteratorAggregate
    {
        private ?array $ids = null;
        private array $websites = [];
        private array $flags = [];
        private array $filters = [];
        private int $pageSize = PHP_INT_MAX;

        public function __call(string $name, array $arguments): static
        {
            return $this;
        }

        public function setFlag(string $name, mixed $value): static
        {
            $this->flags[$name] = $value;
            return $this;
        }

        public function addIdFilter(array $ids): static
        {
            $this->ids = $ids;
            return $this;
        }

        public function addWebsiteFilter(array $websites): static
        {
            $this->websites = $websites;
            return $this;
        }

        public function addFieldToFilter(string $name, mixed $condition): static
        {
            $this->filters[$name] = $condition;
            return $this;
        }

        public function addAttributeToFilter(string $name, mixed $condition): static
        {
            return $this->addFieldToFilter($name, $condition);
        }

        public function setPageSize(int $size): static
        {
            $this->pageSize = $size;
            return $this;
        }

        public function getColumnValues(string $name): array
        {
            return array_map(static fn ($one): string => (string)$one->getId(), iterator_to_array($this->getIterator()));
        }

        public function getIterator(): \ArrayIterator
        {
            $showsAll = isset($this->flags['has_stock_status_filter'])
                || !empty(world()['settings']['cataloginventory/options/show_out_of_stock']);
            $found = array_filter(world()['products'], function (array $product) use ($showsAll): bool {
                $after = $this->filters['entity_id']['gt'] ?? 0;
                $types = $this->filters['type_id']['in'] ?? [$product['type_id']];
                return ($this->ids === null || in_array($product['id'], $this->ids, false))
                    && (!$this->websites || array_intersect($this->websites, $product['websites'] ?? [1]))
                    && $product['id'] > $after
                    && in_array($product['type_id'], $types, true)
                    && (!isset($this->filters['status']) || ($product['status'] ?? 1) === $this->filters['status'])
                    && ($showsAll || ($product['available'] ?? true));
            });
            $products = array_map(static fn (array $one) => new \Magento\Catalog\Model\Product($one), $found);
            return new \ArrayIterator(array_slice(array_values($products), 0, $this->pageSize));
        }
    }

    class CollectionFactory
    {
        public function create(): Collection
        {
            return new Collection();
        }
    }
}

namespace Magento\Catalog\Model\ResourceModel {
    class Product
    {
        public function getProductsIdsBySkus(array $skus): array
        {
            $ids = [];
            foreach (world()['products'] as $product) {
                if (in_array(strtolower($product['sku'] ?? ''), array_map('strtolower', $skus), true)) {
                    $ids[$product['sku']] = (string)$product['id'];
                }
            }
            return $ids;
        }
    }
}

namespace Magento\InventorySalesApi\Api\Data {
    interface SalesChannelInterface
    {
        public const TYPE_WEBSITE = 'website';
    }
}

namespace Magento\InventorySalesApi\Model {
    interface GetStockItemDataInterface
    {
        public const QUANTITY = 'quantity';
        public const IS_SALABLE = 'is_salable';
    }
}

namespace Magento\Framework\Exception {
    class NoSuchEntityException extends LocalizedException
    {
    }
}

namespace Magento\InventoryConfiguration\Model\LegacyStockItem {
    class CacheStorage
    {
        public static array $forgotten = [];

        public function delete(string $sku): void
        {
            self::$forgotten[] = $sku;
        }
    }
}

namespace Magento\InventoryConfigurationApi\Api\Data {
    interface StockItemConfigurationInterface
    {
    }

    class Rules implements StockItemConfigurationInterface
    {
        public function __construct(private array $stock)
        {
        }

        public function isManageStock(): bool
        {
            return $this->stock['ManageStock'] ?? true;
        }

        public function getBackorders(): int
        {
            return $this->stock['Backorders'] ?? 0;
        }

        public function getMinQty(): float
        {
            return $this->stock['MinQty'] ?? 0.0;
        }
    }
}

namespace Magento\Framework\Module {
    class Manager
    {
        public function isEnabled(string $module): bool
        {
            return !str_starts_with($module, 'Magento_Inventory') || (world()['msi'] ?? true);
        }
    }
}

namespace Magento\Framework\Api {
    /** Makes the services of MSI. */
    class ObjectFactory
    {
        public function get(string $class): object
        {
            $name = substr($class, (int)strrpos($class, '\\') + 1);
            return $name === 'CacheStorage' ? new $class() : new class ($name) {
                public function __construct(private string $name)
                {
                }

                public function execute(string $of, mixed $at): mixed
                {
                    if (!in_array($at, [2, 'website1', 'website2'], true)) {
                        throw new \LogicException("Asked {$this->name} for the wrong stock.");
                    }
                    $stock = array_column(world()['products'], null, 'sku')[$of]['stock'] ?? [];
                    if (($stock['Broken'] ?? '') === $this->name) {
                        throw new \Magento\Framework\Exception\LocalizedException(__('The index is broken'));
                    }
                    return match ($this->name) {
                        'StockResolverInterface' => new \Magento\Store\Model\Store(['stockId' => 2]),
                        'GetStockItemDataInterface' => isset($stock['Gone']) && $stock['Gone'] === 'index' ? null : [
                            'is_salable' => (string)(int)($stock['IsInStock'] ?? true),
                            'quantity' => (string)($stock['Qty'] ?? 0),
                        ],
                        'GetReservationsQuantity' => (float)($stock['Reserved'] ?? 0),
                        'GetStockItemConfigurationInterface' => isset($stock['Gone'])
                            ? throw new \Magento\Framework\Exception\NoSuchEntityException(__('Gone'))
                            : new \Magento\InventoryConfigurationApi\Api\Data\Rules($stock),
                    };
                }
            };
        }
    }
}
