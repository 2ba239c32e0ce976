"""Write monitoring/static/multiprocess_exporter/status/status.js."""

from monitoring.page.source.bundle import SCRIPT, bundled

if __name__ == "__main__":
    SCRIPT.write_text(bundled())
