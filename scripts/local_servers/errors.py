"""What can go wrong with a local server."""


class ServerError(Exception):
    """Raised when a server cannot be had; the text says which, where its log is, and what to do."""


class NotAnsweringError(Exception):
    """Raised when a server does not answer at this moment; the text is the reason that the driver gave."""


class AbandonedError(Exception):
    """Raised in a server's thread when Ctrl-C ended the wait for it."""
