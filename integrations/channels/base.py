"""The port of every channel: a way to reach a person."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from types import TracebackType
from typing import Literal, NamedTuple, Self


class Envelope(NamedTuple):
    """One message, ready to be handed over."""

    sender: str
    """Address that undeliverable mail goes back to."""
    recipient: str
    content: bytes
    """E-mail: headers and body with CRLF line ends."""


@dataclass(frozen=True, slots=True)
class SendResult:
    """What the provider said to one message. A refusal is a result, not an error."""

    outcome: Literal["accepted", "temporary", "permanent", "uncertain"]
    """uncertain: the connection broke when the provider may already have taken the message."""
    detail: str = ""
    """The provider's words, without the recipient's address."""


class ChannelConnection(ABC):
    """An open way to the provider, for one message after the other. Not for several threads."""

    round_trip_seconds: float = 0.0
    """How long the provider takes to answer when it has nothing to do."""

    @abstractmethod
    def send(self, envelope: Envelope, following: Envelope | None = None) -> SendResult:
        """Hand one message over.

        Args:
            envelope: the message.
            following: the message that the next call will hand over, if that is certain: its way may be
                prepared meanwhile. `take_back` if it becomes uncertain.

        Raises:
            UnreachableError: the connection was lost before the provider could have taken it.
        """

    def take_back(self) -> None:  # noqa: B027 (nothing to do for a channel that prepares nothing)
        """The message that was announced as following will not come."""

    @abstractmethod
    def close(self) -> None:
        """Say goodbye; never raises."""

    def __enter__(self) -> Self:
        """Use in a with statement."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()


class Channel(ABC):
    """A provider that takes messages."""

    @abstractmethod
    def connect(self) -> ChannelConnection:
        """Open a connection.

        Raises:
            IntegrationError: the provider does not answer, or does not let us in.
        """
