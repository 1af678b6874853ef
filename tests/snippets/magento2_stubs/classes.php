<?php
/**
 * Loads every class of the module and looks for the classes that its constructor asks for, as `setup:di:compile` does.
 * Out: what is missing.
 */
declare(strict_types=1);

require __DIR__ . '/bootstrap.php';

$missing = [];
$files = new RecursiveIteratorIterator(new RecursiveDirectoryIterator(MODULE, FilesystemIterator::SKIP_DOTS));
foreach ($files as $file) {
    $path = substr($file->getPathname(), strlen(MODULE) + 1);
    if (!str_ends_with($path, '.php') || $path === 'registration.php' || str_starts_with($path, 'Test/')) {
        continue;
    }
    $class = 'Stockbell\\BackInStock\\' . str_replace('/', '\\', substr($path, 0, -4));
    if (!class_exists($class) && !interface_exists($class)) {
        $missing[] = "$path does not hold $class";
        continue;
    }
    foreach ((new ReflectionClass($class))->getConstructor()?->getParameters() ?? [] as $parameter) {
        $type = $parameter->getType();
        if ($type instanceof ReflectionNamedType && !$type->isBuiltin()) {
            if (!class_exists($type->getName()) && !interface_exists($type->getName())) {
                $missing[] = "$class asks for {$type->getName()}";
            }
        }
    }
}
echo json_encode($missing, JSON_THROW_ON_ERROR);
