"""Makes any text one that UTF-8 can write."""


def encodable(text: str) -> str:
    """The text with lone surrogates replaced: names of files, paths and JSON may have some."""
    return text.encode(errors="replace").decode()
