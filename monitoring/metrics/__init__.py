"""The families that are written: their names, labels and histogram class."""
