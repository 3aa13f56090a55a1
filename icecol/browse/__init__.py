"""A browser of .i3 files in the terminal: an index of frames that grows while one reads, and objects as tables."""
