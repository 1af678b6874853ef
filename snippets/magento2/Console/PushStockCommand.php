<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Console;

use Magento\Framework\App\Area;
use Magento\Framework\App\State;
use Stockbell\BackInStock\Model\Product\ProductIds;
use Stockbell\BackInStock\Model\Push\Pusher;
use Stockbell\BackInStock\Model\Push\Report;
use Stockbell\BackInStock\Model\Push\Targets;
use Symfony\Component\Console\Command\Command;
use Symfony\Component\Console\Input\InputArgument;
use Symfony\Component\Console\Input\InputInterface;
use Symfony\Component\Console\Output\OutputInterface;

/**
 * `bin/magento stockbell:push-stock [SKU ...]`
 */
class PushStockCommand extends Command
{
    private const SKUS = 'sku';

    /**
     * Take what sends.
     *
     * @param Pusher $pusher
     * @param Targets $targets
     * @param ProductIds $productIds
     * @param State $state
     */
    public function __construct(
        private readonly Pusher $pusher,
        private readonly Targets $targets,
        private readonly ProductIds $productIds,
        private readonly State $state
    ) {
        parent::__construct();
    }

    /**
     * Name the command.
     *
     * @return void
     */
    protected function configure(): void
    {
        $this->setName('stockbell:push-stock');
        $this->setDescription('Stockbell: tells it catalog and stock of some products, or of all');
        $this->addArgument(self::SKUS, InputArgument::IS_ARRAY, 'SKUs; without any: every product');
    }

    /**
     * Send now, without the queue.
     *
     * @param InputInterface $input
     * @param OutputInterface $output
     * @return int 1 if something could not be sent.
     */
    protected function execute(InputInterface $input, OutputInterface $output): int
    {
        return (int)$this->state->emulateAreaCode(Area::AREA_CRONTAB, function () use ($input, $output): int {
            if (!$this->targets->exist()) {
                $output->writeln('<error>No store view pushes stock: set it under Stores > Configuration.</error>');
                return Command::FAILURE;
            }
            $skus = (array)$input->getArgument(self::SKUS);
            $pages = $skus ? [$this->productIds->bySkus($skus)] : $this->productIds->all(Pusher::MOST_LEVELS);
            $report = new Report();
            foreach ($pages as $ids) {
                $report->add($this->pusher->push($ids, withCatalog: true));
                $words = '%d levels sent, %d of them new to Stockbell';
                $output->writeln(sprintf($words, $report->sent, $report->changed));
            }
            foreach ($report->problems as $problem) {
                $output->writeln($problem, OutputInterface::OUTPUT_RAW);
            }
            if ($report->unknown) {
                $output->writeln(sprintf('%d products are not known to Stockbell', count($report->unknown)));
            }
            return $report->problems ? Command::FAILURE : Command::SUCCESS;
        });
    }
}
