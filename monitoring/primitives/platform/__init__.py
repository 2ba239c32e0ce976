"""What operating systems do differently: locks, files, forks, clocks, facts about processes.

Each module looks for what it needs, not for a system's name, and decides once, when it is imported.
On Linux, nothing stands between the callers and the system's own functions.
"""
