<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Config\Backend;

use Magento\Framework\App\Config\Value;
use Magento\Framework\Exception\LocalizedException;
use Stockbell\BackInStock\Model\Config;

/**
 * A color, which goes into the page's styles.
 */
class Color extends Value
{
    /**
     * Refuse what is no color.
     *
     * @return $this
     * @throws LocalizedException
     */
    public function beforeSave()
    {
        $typed = trim((string)$this->getValue());
        $color = Config::colorFrom($typed);
        if ($typed !== '' && $color === '') {
            throw new LocalizedException(__('The accent color must look like #0b5d3b.'));
        }
        $this->setValue($color);
        return parent::beforeSave();
    }
}
