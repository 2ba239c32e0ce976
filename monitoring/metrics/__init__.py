"""The definitions of all metric families: names, labels, help texts, and the histogram class."""
