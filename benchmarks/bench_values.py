"""What it costs to construct a value: the kit's, a pydantic model, and the libraries for it.

A pydantic model with a pattern checks less than `Email` does: no lengths, no capitals, no international names. It is
here as the least that one would write by hand.
"""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Annotated
from uuid import UUID, uuid4

import moneyed
import stockholm
from email_validator import validate_email
from pydantic import BaseModel, EmailStr, Field
from ratios import Operation, table

from cleanarch_kit.domain import Email, EntityId, Money, uuid7

ADDRESS = "ada.lovelace@example.com"
TEXT = "01890a5d-ac96-774b-bcce-b302099a8057"
AMOUNT = Decimal("19.99")


class PatternModel(BaseModel, frozen=True):
    value: Annotated[str, Field(pattern=r"^[\w.+'-]+@[a-z0-9-]+(\.[a-z0-9-]+)+$", max_length=254)]


class EmailStrModel(BaseModel, frozen=True):
    value: EmailStr


class MoneyModel(BaseModel, frozen=True):
    amount: Annotated[int, Field(strict=True, ge=-(10**18), le=10**18)]
    currency: Annotated[str, Field(pattern="^[A-Z]{3}$")]


class IdModel(BaseModel, frozen=True):
    value: UUID


class UserId(EntityId): ...


def many(construct: Callable[[], object]) -> Operation:
    """A hundred constructions in a row, so that awaiting them does not count."""

    async def operation() -> None:
        for _ in range(100):
            construct()

    return operation


async def main() -> None:
    await table(
        "Email from text",
        {
            "cleanarch_kit Email": many(lambda: Email(ADDRESS)),
            "pydantic model, pattern": many(lambda: PatternModel(value=ADDRESS)),
            "pydantic model, EmailStr": many(lambda: EmailStrModel(value=ADDRESS)),
            "email-validator": many(lambda: validate_email(ADDRESS, check_deliverability=False)),
        },
    )
    await table(
        "Money in minor units",
        {
            "cleanarch_kit Money": many(lambda: Money(1999, "EUR")),
            "pydantic model": many(lambda: MoneyModel(amount=1999, currency="EUR")),
            "py-moneyed, from Decimal": many(lambda: moneyed.Money(AMOUNT, "EUR")),
            "stockholm, from Decimal": many(lambda: stockholm.Money(AMOUNT, "EUR")),
        },
    )
    await table(
        "Money from text",
        {
            "cleanarch_kit Money.of": many(lambda: Money.of("19.99", "EUR")),
            "py-moneyed": many(lambda: moneyed.Money("19.99", "EUR")),
            "stockholm": many(lambda: stockholm.Money("19.99", "EUR")),
        },
    )
    one, two = Money(1999, "EUR"), Money(1, "EUR")
    their_one, their_two = moneyed.Money(AMOUNT, "EUR"), moneyed.Money(Decimal("0.01"), "EUR")
    other_one, other_two = stockholm.Money(AMOUNT, "EUR"), stockholm.Money(Decimal("0.01"), "EUR")
    await table(
        "Money, sum of two",
        {
            "cleanarch_kit": many(lambda: one + two),
            "py-moneyed": many(lambda: their_one + their_two),
            "stockholm": many(lambda: other_one + other_two),
        },
    )
    await table(
        "id from text",
        {
            "cleanarch_kit EntityId": many(lambda: UserId(TEXT)),
            "uuid.UUID": many(lambda: UUID(TEXT)),
            "pydantic model": many(lambda: IdModel.model_validate({"value": TEXT})),
        },
    )
    await table(
        "new id",
        {
            "cleanarch_kit EntityId.new (version 7)": many(UserId.new),
            "cleanarch_kit uuid7": many(uuid7),
            "uuid.uuid4": many(uuid4),
        },
    )


if __name__ == "__main__":
    asyncio.run(main())
