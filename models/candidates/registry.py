"""The class of every candidate, loaded from where `settings.ModelName` says that it is."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Final

from errors import SettingsError
from models.contract import Model
from settings import ModelName


def class_of(name: str, class_path: str, minimum_bars: int) -> type[Model]:
    """The class at `module:class`. Raises SettingsError if there is none, or if it has another name or needs other bars."""
    place = f"settings/candidates.py: {name} is {class_path}"
    try:
        found = resolve_name(class_path)
    except (ImportError, AttributeError) as error:
        raise SettingsError(f"{place}, which cannot be loaded ({error}): write the class, or take the line out") from error
    if not (isinstance(found, type) and issubclass(found, Model)):
        raise SettingsError(f"{place}, which is no Model (models/contract.py)")
    if (found.name, found.minimum_bars) != (name, minimum_bars):
        raise SettingsError(
            f"{place} with {minimum_bars} bars, but the class has the name {found.name} and needs {found.minimum_bars} bars: "
            f"they must agree"
        )
    return found


#: In the order in which they are tried and in which ties are settled.
MODELS: Final[dict[str, type[Model]]] = {name.value: class_of(name, name.class_path, name.minimum_bars) for name in ModelName}
#: Bars that suffice to refresh any model's forecast.
CONTEXT_BARS: Final = max(model.context_bars for model in MODELS.values())
