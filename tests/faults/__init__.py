"""A run that is killed, starved, damaged and interrupted, and the same command again: what comes out is the same."""
