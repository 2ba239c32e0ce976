"""From the files of all slots to one registry."""
