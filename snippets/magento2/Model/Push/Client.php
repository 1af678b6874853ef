<?php

declare(strict_types=1);

namespace Stockbell\BackInStock\Model\Push;

use Magento\Framework\HTTP\Client\Curl;
use Magento\Framework\HTTP\Client\CurlFactory;
use Magento\Framework\Serialize\Serializer\Json;

/**
 * Talks to Stockbell, from the queue, cron and the command line only.
 */
class Client
{
    private const MOST_WAIT_SECONDS = 30;
    private const SPARE_SECONDS = 60;

    /**
     * @var array<string, float> By host: since when it is away. It is tried once then, so that the queue moves on.
     */
    private array $awaySince = [];

    /**
     * Take what makes requests.
     *
     * @param CurlFactory $curlFactory
     * @param Json $json
     * @param int $attempts Of each request that may be repeated.
     * @param int $pauseMilliseconds Before the second attempt; doubles with each.
     * @param int $connectSeconds
     * @param int $timeoutSeconds Of a whole request.
     */
    public function __construct(
        private readonly CurlFactory $curlFactory,
        private readonly Json $json,
        private readonly int $attempts = 3,
        private readonly int $pauseMilliseconds = 1000,
        private readonly int $connectSeconds = 5,
        private readonly int $timeoutSeconds = 20
    ) {
    }

    /**
     * Replace something, by the API. Tried again where that may help: the same sent twice does no harm.
     *
     * @param Target $target
     * @param string $path
     * @param array $body
     * @return Answer
     */
    public function put(Target $target, string $path, array $body): Answer
    {
        $content = $this->json->serialize($body);
        $isAway = microtime(true) - ($this->awaySince[$target->host] ?? 0) < self::SPARE_SECONDS;
        $attempts = $isAway ? 1 : $this->attempts;
        for ($attempt = 1; true; $attempt++) {
            $answer = $this->request('PUT', $target->host . $path, $content, $this->credentials($target));
            if (!$answer->isPassing()) {
                unset($this->awaySince[$target->host]);
                return $answer;
            }
            if ($attempt >= $attempts) {
                $this->awaySince[$target->host] = microtime(true);
                return $answer;
            }
            $pause = $this->pauseMilliseconds * 2 ** ($attempt - 1);
            if ($answer->retryAfter !== null) {
                $pause = max($pause, 1000 * min($answer->retryAfter, self::MOST_WAIT_SECONDS));
            }
            // phpcs:ignore Magento2.Functions.DiscouragedFunction -- nobody waits for the queue
            usleep($pause * 1000);
        }
    }

    /**
     * Read something, once.
     *
     * @param string $url
     * @param array<string, string> $headers
     * @return Answer
     */
    public function get(string $url, array $headers = []): Answer
    {
        return $this->request('GET', $url, '', $headers);
    }

    /**
     * The header that the API knows a shop by.
     *
     * @param Target $target
     * @return array<string, string>
     */
    public function credentials(Target $target): array
    {
        return ['Authorization' => 'Bearer ' . $target->apiKey];
    }

    /**
     * Make one request. Never throws.
     *
     * @param string $method
     * @param string $url
     * @param string $content
     * @param array<string, string> $headers
     * @return Answer
     */
    private function request(string $method, string $url, string $content, array $headers): Answer
    {
        $curl = $this->curlFactory->create();
        $curl->setTimeout($this->timeoutSeconds);
        $curl->setOption(CURLOPT_CONNECTTIMEOUT, $this->connectSeconds);
        $curl->setOption(CURLOPT_USERAGENT, 'Stockbell for Magento');
        $curl->setHeaders($headers);
        try {
            if ($method === 'GET') {
                $curl->get($url);
            } else {
                $curl->addHeader('Content-Type', 'application/json');
                // Else large bodies are announced first, and Magento's client takes the "100 Continue" for the answer.
                $curl->addHeader('Expect', '');
                // Its own put() came with 2.4.8, and asks curl for an upload.
                $curl->setOption(CURLOPT_CUSTOMREQUEST, $method);
                $curl->post($url, $content);
            }
        } catch (\Throwable $error) {
            return new Answer(0, problem: $error->getMessage());
        }
        return $this->answer($curl);
    }

    /**
     * Understand what came.
     *
     * @param Curl $curl
     * @return Answer
     */
    private function answer(Curl $curl): Answer
    {
        $status = (int)$curl->getStatus();
        $text = (string)$curl->getBody();
        try {
            $body = $this->json->unserialize($text);
        } catch (\InvalidArgumentException $error) {
            $body = null;
        }
        $body = is_array($body) ? $body : [];
        $problem = '';
        if ($status < 200 || $status >= 300) {
            $words = $body['error']['message'] ?? '';
            $problem = trim('HTTP ' . $status . ' ' . (is_string($words) ? $words : ''));
        }
        $headers = array_change_key_case($curl->getHeaders());
        $retryAfter = $headers['retry-after'] ?? '';
        return new Answer($status, $body, $text, $problem, ctype_digit($retryAfter) ? (int)$retryAfter : null);
    }
}
