// ForeignFunction: see design of the target in its files.
