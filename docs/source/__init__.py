"""The references, generated from the definitions: `python -m docs.source`."""
