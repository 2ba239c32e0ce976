"""A process that appends numbered lines: `appending.py PATH MAX_BYTES NAME LINES`."""

import sys
from pathlib import Path

from monitoring.instruments.databases.log_file import SharedLogFile

path, max_bytes, name, lines = sys.argv[1:]
log = SharedLogFile(Path(path), int(max_bytes), backups=1000)
for number in range(int(lines)):
    log.append(f"{name} {number} {'.' * (number % 300)}|".encode())
