"""Public data sets, read from the files their authors publish. None comes with the program."""
