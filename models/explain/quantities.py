"""Named numbers of an explanation: given, or derived by a formula from numbers above them."""

from __future__ import annotations

import msgspec


class Quantity(msgspec.Struct, frozen=True, omit_defaults=True):
    """One number. `formula` is arithmetic as Python writes it, on names above it; None for a given number."""

    name: str
    value: float
    says: str
    formula: str | None = None


class Section(msgspec.Struct, frozen=True):
    """The numbers that lead to one part of the forecast, in the order in which they follow from each other."""

    title: str
    quantities: tuple[Quantity, ...]


class Quantities:
    """Collects the numbers of an explanation; each name once."""

    def __init__(self) -> None:
        self._sections: list[tuple[str, list[Quantity]]] = []
        self._values: dict[str, float] = {}

    def begin(self, title: str) -> None:
        """The numbers from here on belong to a section of this title."""
        self._sections.append((title, []))

    def given(self, name: str, value: float, says: str) -> None:
        """A number that is not derived here."""
        self._add(Quantity(name, float(value), says))

    def derived(self, name: str, value: float, formula: str, says: str) -> None:
        """A number as the served forecast has it, and the formula that gives it."""
        self._add(Quantity(name, float(value), says, formula))

    def __getitem__(self, name: str) -> float:
        return self._values[name]

    def __contains__(self, name: str) -> bool:
        return name in self._values

    def sections(self) -> tuple[Section, ...]:
        """All sections that have a number."""
        return tuple(Section(title, tuple(quantities)) for title, quantities in self._sections if quantities)

    def _add(self, quantity: Quantity) -> None:
        if quantity.name in self._values:
            message = f"quantity {quantity.name} is there already"
            raise ValueError(message)
        self._values[quantity.name] = quantity.value
        self._sections[-1][1].append(quantity)
