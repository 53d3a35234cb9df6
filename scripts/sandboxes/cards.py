"""The cards that the sandbox's vault knows, by token. Names and decline codes are those of Stripe's test cards."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Card:
    """A card that pays."""

    brand: str
    last_four: str


@dataclass(frozen=True, slots=True)
class DeclinedCard:
    """A card whose issuer refuses every authorisation."""

    code: str
    reason: str


CARDS: dict[str, Card | DeclinedCard] = {
    "tok_visa": Card("visa", "4242"),
    "tok_mastercard": Card("mastercard", "4444"),
    "tok_amex": Card("amex", "8431"),
    "tok_chargeDeclined": DeclinedCard("generic_decline", "The card was declined."),
    "tok_chargeDeclinedInsufficientFunds": DeclinedCard("insufficient_funds", "The card has insufficient funds."),
    "tok_chargeDeclinedExpiredCard": DeclinedCard("expired_card", "The card has expired."),
}

NO_SUCH_CARD = DeclinedCard("resource_missing", "The vault has no card under this token.")


def card(token: str | None) -> Card | DeclinedCard:
    """Return the card of a token; one that the vault does not know declines."""
    return CARDS.get(token or "", NO_SUCH_CARD)
