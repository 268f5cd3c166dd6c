"""Check digits of the numbers that people are known by: a number without a right one is something else."""

from __future__ import annotations

import re


def luhn(digits: str) -> bool:
    """Bank cards (ISO/IEC 7812-1)."""
    doubled = [int(d) * (1 + place % 2) for place, d in enumerate(reversed(digits))]
    return sum(n - 9 if n > 9 else n for n in doubled) % 10 == 0


def china_id(number: str) -> bool:
    """Identity cards of the mainland, 18 characters (GB 11643, ISO 7064 MOD 11-2)."""
    total = sum(int(digit) * 2 ** (17 - place) for place, digit in enumerate(number[:17]))
    return "10X98765432"[total % 11] == number[17].upper()


def taiwan_id(number: str) -> bool:
    """A letter and nine digits; the letter stands for two digits by its region."""
    letter = "ABCDEFGHJKLMNPQRSTUVXYWZIO".index(number[0].upper()) + 10
    digits = [letter // 10, letter % 10, *map(int, number[1:])]
    weights = (1, 9, 8, 7, 6, 5, 4, 3, 2, 1, 1)
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=True)) % 10 == 0


def hong_kong_id(number: str) -> bool:
    """One or two letters, six digits and a check character, without brackets."""
    values = [36 if char == " " else int(char, 36) for char in number.upper().rjust(9)]
    return sum(value * weight for value, weight in zip(values, range(9, 0, -1), strict=True)) % 11 == 0


def iban(number: str) -> bool:
    """Bank accounts (ISO 13616, ISO 7064 MOD 97-10). Blanks are left out."""
    compact = re.sub(r"\s", "", number).upper()
    moved = compact[4:] + compact[:4]
    return 15 <= len(compact) <= 34 and int("".join(str(int(char, 36)) for char in moved)) % 97 == 1
