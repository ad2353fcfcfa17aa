"""Money is integer cents; arithmetic is Decimal; each amount is rounded half up once."""

from decimal import ROUND_HALF_UP, Decimal


def round_half_up(amount: Decimal | int) -> int:
    """Return the whole cents nearest to `amount` (cents); halves go away from zero, the way invoices round."""
    return int(Decimal(amount).quantize(Decimal(1), rounding=ROUND_HALF_UP))


def share_of(cents: int, *, permille: int) -> int:
    """Return a share of an amount, in cents, rounded half up once. permille=150 is 15 %."""
    return round_half_up(Decimal(cents) * permille / 1000)
