"""Write docs/metrics.md and docs/settings.md."""

from pathlib import Path

from docs.source.references import reference_files

if __name__ == "__main__":
    for name, text in reference_files().items():
        Path(__file__).resolve().parents[1].joinpath(name).write_text(text)
