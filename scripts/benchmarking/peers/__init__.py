"""The peers: the same orders' business writes, done with other means."""
