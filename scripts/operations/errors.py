"""What ends a command; the text is one sentence for the person at the terminal."""


class WrongUse(Exception):
    """Raised for arguments that make no sense together."""


class ServerAway(Exception):
    """Raised when a server does not answer or refuses; the text names its variable and its host."""
