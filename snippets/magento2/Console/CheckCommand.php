<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Console;

use Magento\Framework\App\Area;
use Magento\Framework\App\State;
use Stockbell\BackInStock\Model\Check;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * `bin/magento stockbell:check`
 */
class CheckCommand extends Command
{
    /**
     * Take what looks.
     *
     * @param Check $check
     * @param State $state
     */
    public function __construct(private readonly Check $check, private readonly State $state)
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
        $this->setName('stockbell:check');
        $this->setDescription('Stockbell: says what works on this shop and what does not');
    }

    /**
     * Look at everything.
     *
     * @param InputInterface $input
     * @param OutputInterface $output
     * @return int 1 if something does not work.
     */
    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        return (int)$this->state->emulateAreaCode(Area::AREA_CRONTAB, function () use ($output): int {
            $isWell = true;
            foreach ($this->check->run() as $finding) {
                $isWell = $isWell && $finding['ok'] !== false;
                $mark = match ($finding['ok']) {
                    true => '<info>[ok]</info> ',
                    false => '<error>[!!]</error> ',
                    null => '<comment>[--]</comment> ',
                };
                $output->write($mark);
                $output->writeln($finding['words'], OutputInterface::OUTPUT_RAW);
            }
            $output->writeln('In a browser: open a product page with #stockbell-check behind its address.');
            return $isWell ? Command::SUCCESS : Command::FAILURE;
        });
    }
}
