"""The names of the models' tables and columns."""

from functools import cache

from django.apps import apps


@cache
def known_names() -> frozenset[str]:
    """Every table and column of every model."""
    names: set[str] = set()
    for model in apps.get_models(include_auto_created=True):
        names.add(model._meta.db_table)
        names.update(field.column for field in model._meta.local_fields if field.column)
    return frozenset(names)
