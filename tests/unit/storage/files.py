"""Writes metric files as prometheus-client does, with its own code."""

from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict, mmap_key


class StockFile:
    """A file made by prometheus-client's MmapedDict."""

    def __init__(self, directory: Path, name: str) -> None:
        self._dict = MmapedDict(str(directory / name))

    def write(
        self,
        family: str,
        sample: str,
        labels: dict[str, str],
        value: float,
        timestamp: float = 0.0,
        help_text: str = "Help.",
    ) -> None:
        key = mmap_key(family, sample, list(labels), list(labels.values()), help_text)
        self._dict.write_value(key, value, timestamp)

    def close(self) -> None:
        self._dict.close()
