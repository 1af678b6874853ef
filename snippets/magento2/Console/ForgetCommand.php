<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Console;

use Stockbell\BackInStock\Setup\Removal;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * `bin/magento stockbell:forget`, for shops that did not install the module with Composer.
 */
class ForgetCommand extends Command
{
    /**
     * Take what removes.
     *
     * @param Removal $removal
     */
    public function __construct(private readonly Removal $removal)
    {
        parent::__construct();
    }

    /**
     * Name the command.
     *
     * @return void
     */
    protected function configure(): void
    {
        $this->setName('stockbell:forget');
        $this->setDescription('Stockbell: removes its settings and its queue, before the module itself is removed');
    }

    /**
     * Remove.
     *
     * @param InputInterface $input
     * @param OutputInterface $output
     * @return int
     */
    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        $output->writeln(sprintf('%d rows removed. Now: bin/magento cache:clean config', $this->removal->run()));
        return Command::SUCCESS;
    }
}
