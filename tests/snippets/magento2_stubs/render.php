<?php
/**
 * Renders the page's parts of a product. In: settings, products, `show` (a product's id). Out: HTML and cache tags.
 */
declare(strict_types=1);

require __DIR__ . '/bootstrap.php';

use Magento\Catalog\Helper\Data as CatalogHelper;
use Magento\Catalog\Model\Product;
use Magento\CatalogInventory\Api\StockConfigurationInterface;
use Magento\CatalogInventory\Api\Types;
use Magento\Framework\App\Config\ScopeConfigInterface;
use Magento\Framework\App\Config\Settings;
use Magento\Framework\View\Element\Template;
use Magento\Framework\View\Element\Template\Context;
use Stockbell\BackInStock\Block\Notify;
use Stockbell\BackInStock\Model\Csp\WidgetCollector;
use Stockbell\BackInStock\Plugin\ListItem;
use Stockbell\BackInStock\ViewModel\Widget;

$given = [
    ScopeConfigInterface::class => new Settings(world()['settings']),
    StockConfigurationInterface::class => new Types(),
];
$product = Product::byId(world()['show']);
$block = make(Notify::class, $given, ['data' => ['product' => $product]]);
$block->setTemplate('Stockbell_BackInStock::notify.phtml');
$head = new Template(new Context(), ['widget' => make(Widget::class, $given)]);
$head->setTemplate('Stockbell_BackInStock::widget.phtml');

/** A list of products, which makes blocks as Magento's layout does. */
class ListImitation extends \Magento\Catalog\Block\Product\ListProduct
{
    public array $given = [];

    public function getLayout(): static
    {
        return $this;
    }

    public function createBlock(string $class, string $name, array $arguments): object
    {
        return make($class, $this->given, $arguments);
    }
}

$list = new ListImitation();
$list->given = $given;
$policies = make(WidgetCollector::class, $given)->collect(['kept']);

echo json_encode([
    'html' => $block->toHtml(),
    'head' => $head->toHtml(),
    'tags' => $block->getIdentities(),
    'list' => make(ListItem::class, $given)->afterGetProductDetailsHtml($list, '<i>swatches</i>', $product),
    'policies' => $policies,
], JSON_THROW_ON_ERROR);
