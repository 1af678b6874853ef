<?php
/**
 * As much of Magento as the module's classes need to run without it.
 *
 * What matters to a test is imitated in magento.php; every other class of Magento's is made up when it is asked for, as
 * an empty interface or a class whose methods do nothing. STOCKBELL_WITHOUT lists namespaces that are "not installed".
 */
declare(strict_types=1);

namespace {
    const MODULE = __DIR__ . '/../../../snippets/magento2';

    set_error_handler(static function (int $level, string $words, string $file, int $line): never {
        throw new \ErrorException($words, 0, $level, $file, $line);
    });

    function __(string $text, mixed ...$values): \Magento\Framework\Phrase
    {
        return new \Magento\Framework\Phrase($text, $values);
    }

    spl_autoload_register(static function (string $class): void {
        if (str_starts_with($class, 'Stockbell\\BackInStock\\')) {
            $file = MODULE . '/' . str_replace('\\', '/', substr($class, strlen('Stockbell\\BackInStock\\'))) . '.php';
            if (is_file($file)) {
                require $file;
            }
            return;
        }
        $missing = array_filter(explode(' ', (string)getenv('STOCKBELL_WITHOUT')));
        $isMissing = array_filter($missing, static fn (string $name): bool => str_starts_with($class, $name));
        if (!preg_match('/^(Magento|Psr|Symfony)\\\\/', $class) || $isMissing) {
            return;
        }
        $at = (int)strrpos($class, '\\');
        $kind = str_ends_with($class, 'Interface') ? 'interface' : 'class';
        $body = $kind === 'interface' ? '' : 'public function __construct() {}'
            . 'public function __call($name, $arguments) { return $this; }';
        eval(sprintf('namespace %s { %s %s { %s } }', substr($class, 0, $at), $kind, substr($class, $at + 1), $body));
    });

    require __DIR__ . '/magento.php';

    /**
     * Makes an object as Magento's object manager does, except that `$given` objects come first.
     *
     * @param array<string, object> $given By class.
     */
    function make(string $class, array $given, array $arguments = []): object
    {
        if (isset($given[$class])) {
            return $given[$class];
        }
        $parameters = (new \ReflectionClass($class))->getConstructor()?->getParameters() ?? [];
        $values = [];
        foreach ($parameters as $parameter) {
            $name = $parameter->getName();
            $type = $parameter->getType();
            if (array_key_exists($name, $arguments)) {
                $values[] = $arguments[$name];
            } elseif ($type instanceof \ReflectionNamedType && !$type->isBuiltin()) {
                $values[] = make($type->getName(), $given);
            } elseif ($parameter->isDefaultValueAvailable()) {
                $values[] = $parameter->getDefaultValue();
            } else {
                $values[] = [];
            }
        }
        return new $class(...$values);
    }

    /** What the test says about this shop. */
    function world(): array
    {
        static $world;
        return $world ??= json_decode((string)file_get_contents('php://stdin'), true, 512, JSON_THROW_ON_ERROR);
    }
}
