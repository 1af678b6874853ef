<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Push;

/**
 * What came back.
 */
class Answer
{
    /**
     * All of it.
     *
     * @param int $status Of HTTP; 0: nobody answered.
     * @param array $body The decoded JSON, if it was any.
     * @param string $text The body as it came.
     * @param string $problem What went wrong, in words for a log; empty if nothing did.
     * @param int|null $retryAfter Seconds after which to try again, if Stockbell said so.
     */
    public function __construct(
        public readonly int $status,
        public readonly array $body = [],
        public readonly string $text = '',
        public readonly string $problem = '',
        public readonly ?int $retryAfter = null
    ) {
    }

    /**
     * Whether it worked.
     *
     * @return bool
     */
    public function isOk(): bool
    {
        return $this->status >= 200 && $this->status < 300;
    }

    /**
     * Whether the same may work in a moment.
     *
     * @return bool
     */
    public function isPassing(): bool
    {
        return $this->status === 0 || $this->status >= 500 || in_array($this->status, [408, 425, 429], true);
    }

    /**
     * Whether the same may work some day: after a moment, or when somebody has mended the settings.
     *
     * @return bool
     */
    public function isCurable(): bool
    {
        return $this->isPassing() || in_array($this->status, [301, 302, 307, 308, 401, 403, 404], true);
    }
}
