"""Errors of the outside world, as one tree.

IntegrationError            message for the merchant, reason (stable code), permanent, retry_after_seconds
|- UnreachableError         no answer: name not found, no connection, time-out            try again
|- RateLimitedError         told to slow down (429)                                       try again, later
|- NotReadyError            the platform is still preparing what was asked for          try again, in a moment
|- ServerError              5xx or 408                                                    try again
|- AuthError                401, 403, token revoked                                       permanent
|- RejectedError            any other refusal of what was asked                           permanent
|- ForbiddenAddressError    an address that must not be reached from here                 permanent
|- PayloadError             the answer, feed or webhook has an unexpected shape           permanent
|- SignatureError           the webhook is not authentic                                  permanent
`- NotSupportedError        the platform has no such thing                                permanent
"""

from typing import ClassVar


class IntegrationError(Exception):
    """Something at a platform or provider went wrong; `str()` is a sentence that a merchant can read."""

    default_reason: ClassVar[str] = "integration_error"
    permanent: ClassVar[bool] = False

    def __init__(self, message: str, *, reason: str = "", retry_after_seconds: float | None = None) -> None:
        """Keep the sentence; `reason` is a short stable code for records and tests."""
        super().__init__(message)
        self.reason = reason or self.default_reason
        self.retry_after_seconds = retry_after_seconds


class UnreachableError(IntegrationError):
    """No answer came."""

    default_reason = "unreachable"


class RateLimitedError(IntegrationError):
    """The other side asks for a pause."""

    default_reason = "rate_limited"


class NotReadyError(IntegrationError):
    """What was asked for takes the other side a while; it has begun."""

    default_reason = "not_ready"


class ServerError(IntegrationError):
    """The other side failed."""

    default_reason = "server_error"


class AuthError(IntegrationError):
    """The other side does not accept our credentials."""

    default_reason = "not_authorized"
    permanent = True


class RejectedError(IntegrationError):
    """The other side refuses this request, and would again."""

    default_reason = "rejected"
    permanent = True


class ForbiddenAddressError(IntegrationError):
    """The address is private, not https, or otherwise not to be reached from here."""

    default_reason = "forbidden_address"
    permanent = True


class PayloadError(IntegrationError):
    """What came back cannot be read."""

    default_reason = "unreadable"
    permanent = True


class SignatureError(IntegrationError):
    """The sender could not prove who it is."""

    default_reason = "bad_signature"
    permanent = True


class NotSupportedError(IntegrationError):
    """The platform has no such function."""

    default_reason = "not_supported"
    permanent = True
