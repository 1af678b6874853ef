<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Config\Backend;

use Magento\Framework\App\Config\Value;
use Magento\Framework\Exception\LocalizedException;
use Stockbell\BackInStock\Model\Config;

/**
 * The address of Stockbell, brought into one form.
 */
class Host extends Value
{
    /**
     * Refuse what is no address of a server.
     *
     * @return $this
     * @throws LocalizedException
     */
    public function beforeSave()
    {
        $typed = trim((string)$this->getValue());
        $host = Config::hostFrom($typed);
        if ($typed !== '' && $host === '') {
            throw new LocalizedException(
                __('The address of your Stockbell must look like https://alerts.example.com, without a path.')
            );
        }
        $this->setValue($host);
        return parent::beforeSave();
    }
}
