"""Readers of public data sets, as their authors publish them. None comes with the program."""
