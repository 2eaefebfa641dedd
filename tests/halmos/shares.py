"""What rounding down means for the market's shares, proved by z3 over all integers.

`MarketProofs` shows that the contract computes exactly these terms. Here stands why they never sum
up to more than was earned: words of 256 bits cannot be multiplied by a solver in useful time, but
integers can, and nothing overflows (a product is below 2^104 * 2^96).
"""

from __future__ import annotations

import sys

from z3 import And, ArithRef, BoolRef, Implies, Int, Not, Solver, unsat

WHOLE = 10_000
TIMEOUT_MS = 20_000

earned, price, fee, issuers = (Int(name) for name in ("earned", "price", "fee", "issuers"))
part, weight, weights, total, paid, due = (
    Int(name) for name in ("part", "weight", "weights", "total", "paid", "due")
)
SIZES = And(earned >= 0, price >= 0, fee >= 0, issuers >= 0, fee + issuers <= WHOLE)


def of(amount: ArithRef, bps: ArithRef) -> ArithRef:
    """`Market._part`: the basis points of an amount, rounded down."""
    return (amount * bps) / WHOLE


def contributors(amount: ArithRef) -> ArithRef:
    """`Market._contributorsPart`."""
    return amount - of(amount, fee + issuers)


def rounded(quotient: ArithRef, number: ArithRef, divisor: ArithRef) -> BoolRef:
    """`quotient` is `number / divisor`, rounded down."""
    return And(quotient * divisor <= number, number < (quotient + 1) * divisor)


PROOFS = {
    "a part is no more than the whole": Implies(SIZES, of(earned, fee) <= earned),
    "the parts are no more than what was earned": Implies(
        SIZES, contributors(earned) + of(earned, fee) + of(earned, issuers) <= earned
    ),
    "a sale never shrinks the contributors' part": Implies(
        SIZES, contributors(earned + price) >= contributors(earned)
    ),
    "a sale never shrinks the fee or the issuers' part": Implies(
        SIZES, of(earned + price, fee) >= of(earned, fee)
    ),
    # By induction over those who share: `paid` of all before, whose weights sum up to `weights`.
    "shares sum up to no more than their weights' part": Implies(
        And(
            part >= 0,
            weight >= 0,
            weights >= 0,
            total > 0,
            paid * total <= part * weights,
            rounded(due, part * weight, total),
        ),
        (paid + due) * total <= part * (weights + weight),
    ),
    "shares of no more than the total weight are no more than the part": Implies(
        And(part >= 0, total > 0, weights <= total, paid * total <= part * weights), paid <= part
    ),
}


def main() -> int:
    """Proves each statement; gives the exit status."""
    failed = 0
    for name, statement in PROOFS.items():
        solver = Solver()
        solver.set("timeout", TIMEOUT_MS)
        solver.add(Not(statement))
        answer = solver.check()
        failed += answer != unsat
        print(f"shares: {name}: {'proved' if answer == unsat else f'NOT proved ({answer})'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
