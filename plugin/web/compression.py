"""Answers as small as the browser can take them: brotli, else gzip."""

import gzip
from functools import lru_cache

import brotli
from flask import Response, request

KEPT = 512
"""Compressed bodies that a process remembers: the widget's files, and the loaders of that many shops."""


def compress(response: Response) -> None:
    """Compress a body that many will ask for, as the request allows."""
    response.vary.add("Accept-Encoding")
    coding = request.accept_encodings.best_match(["br", "gzip"])
    # "*" and the absence of the header say nothing about what a program can read.
    if coding and "*" not in request.accept_encodings.values():
        response.set_data(_compressed(response.get_data(), coding))
        response.headers["Content-Encoding"] = coding


@lru_cache(KEPT)
def _compressed(body: bytes, coding: str) -> bytes:
    if coding == "br":
        smallest: bytes = brotli.compress(body, mode=brotli.MODE_TEXT, quality=11)
        return smallest
    return gzip.compress(body, 9, mtime=0)
