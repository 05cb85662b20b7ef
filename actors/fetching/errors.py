"""Why an address was not fetched."""

from core.errors import HeadwayError, PermanentError


class Unfetchable(PermanentError):
    """Raised when an address is refused, or its server has answered that it has nothing; the person can act on it."""


class Inside(Unfetchable):
    """Raised when an address leads to what is not on the public internet, and no setting allows it."""


class Unreachable(HeadwayError):
    """Raised when a server could not be reached, or broke off; trying again later may help."""

    def __init__(self, sentence: str, *, wait_seconds: float | None = None, host: str = "") -> None:
        #: How long the server asked to be left alone, if it did, and which one that was, after redirects.
        self.wait_seconds = wait_seconds
        self.host = host
        super().__init__(sentence)


class WaitRequested(HeadwayError):
    """Raised when a server asks for a longer wait than a thread may be blocked for."""

    def __init__(self, sentence: str, *, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(sentence)
