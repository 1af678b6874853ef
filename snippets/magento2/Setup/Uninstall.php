<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Setup;

use Magento\Framework\Setup\ModuleContextInterface;
use Magento\Framework\Setup\SchemaSetupInterface;
use Magento\Framework\Setup\UninstallInterface;

/**
 * Called by `bin/magento module:uninstall --remove-data Stockbell_BackInStock`.
 */
class Uninstall implements UninstallInterface
{
    /**
     * Take what removes.
     *
     * @param Removal $removal
     */
    public function __construct(private readonly Removal $removal)
    {
    }

    /**
     * Remove everything.
     *
     * @param SchemaSetupInterface $setup
     * @param ModuleContextInterface $context
     * @return void
     * @SuppressWarnings(PHPMD.UnusedFormalParameter)
     */
    public function uninstall(SchemaSetupInterface $setup, ModuleContextInterface $context)
    {
        $this->removal->run();
    }
}
