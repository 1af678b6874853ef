<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Block\Adminhtml;

use Magento\Backend\Block\Template\Context;
use Magento\Config\Block\System\Config\Form\Field;
use Magento\Framework\Data\Form\Element\AbstractElement;
use Stockbell\BackInStock\Model\Config;

/**
 * Says in the settings that shoppers cannot choose what the shop does not display.
 */
class OutOfStockNote extends Field
{
    /**
     * Take the settings.
     *
     * @param Context $context
     * @param Config $config
     * @param array $data
     */
    public function __construct(Context $context, private readonly Config $config, array $data = [])
    {
        parent::__construct($context, $data);
    }

    /**
     * The row of the note; none while all is well.
     *
     * @param AbstractElement $element
     * @return string
     */
    public function render(AbstractElement $element)
    {
        if ($this->config->showsSoldOut()) {
            return '';
        }
        $words = __('Shoppers cannot choose what is sold out: turn on "Display Out of Stock Products" (Inventory).');
        $note = '<td class="label"></td><td class="value" colspan="2"><div class="message message-warning">'
            . $this->escapeHtml((string)$words) . '</div></td>';
        return $this->_decorateRowHtml($element, $note);
    }
}
