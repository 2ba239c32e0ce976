"""The reference project's Celery application, and a task that leaves a mark each time it runs."""

import os
import time

from project.celery import app

TICK = "chaos.tick"
MARKS = "CHAOS_MARKS"  # the environment variable that names the file of marks


@app.task(name=TICK, ignore_result=True)
def tick() -> None:
    time.sleep(0.03)  # or one child could do them all, and an idle one does not tend its files
    # One byte, appended by one system call: runs of all children add up.
    mark = os.open(os.environ[MARKS], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(mark, b".")
    os.close(mark)
